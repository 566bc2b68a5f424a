//! numpy arrays as messages. numpy is asked through its own interface, when it is needed: the package does without it.
//!
//! The checks are the core's, see [`crate::array`]: numpy only gets a dtype and a shape that account for every byte.

use std::borrow::Cow;

use pyo3::exceptions::{PyImportError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple, PyType};

use super::buffer::{call, Payload};
use super::errors::{to_py, OrRaise};
use super::frame::PyFrame;
use super::recv::recv_frames;
use super::send::{send_waiting, DONTWAIT};
use super::socket::PySocket;
use super::{json, tracker};
use crate::array::dtype::{Dtype, Plain, Structure};
use crate::array::{header, Header, Refused};
use crate::explain;
use crate::message::{Message, Part};
use crate::transfer::{LARGE, SNDMORE};

#[pymethods]
impl PySocket {
    /// Sends a numpy array as one message: a frame of JSON with its dtype and shape, then a frame with its bytes.
    ///
    /// It is what pyzmq's recipe for arrays sends, and recv_array() receives. Every dtype of plain bytes can go: numbers, bool,
    /// complex, dates, text and bytes of a fixed length, in any byte order, and structures of them, whose dtype goes as a list
    /// of fields, as in `dtype.descr` (only recv_array() knows these). An array with gaps or in another order (a slice, a
    /// transposed one) is copied once to put it in order.
    ///
    /// The array itself is not copied: DO NOT CHANGE IT until libzmq is done with it, in the background. With track=True a
    /// MessageTracker is returned that tells when that is, else None. copy=True copies it, and it may be changed at once; so does
    /// an array of fewer bytes than `copy_threshold`. Over inproc, the receiver's array is this very memory.
    ///
    /// Raises TypeError for what is no numpy.ndarray (numpy.asarray() makes one), for masked arrays, and for dtypes with
    /// objects in them; ImportError without numpy. The rest is as in send_multipart(), with `timeout` in seconds.
    #[pyo3(signature = (array, flags=0, copy=false, track=false, *, timeout=None))]
    fn send_array(
        &self,
        py: Python<'_>,
        array: &Bound<'_, PyAny>,
        flags: i32,
        copy: bool,
        track: bool,
        timeout: Option<f64>,
    ) -> PyResult<Option<Py<PyAny>>> {
        let socket = self.core().or_raise(py)?;
        let outgoing = Outgoing::new(array, (!copy).then(|| self.copy_threshold()), track)?;
        let mut payload = Payload::of(&outgoing.data)?;
        let mut frames = [Part::Bytes(&outgoing.header), payload.part()];
        if matches!(frames[1], Part::Message(_)) || frames[1].len() < LARGE {
            match socket.try_send(&mut frames, flags & SNDMORE) {
                Ok(()) => return Ok(outgoing.tracker),
                Err(error) if error.is_again() && flags & DONTWAIT == 0 => {}
                Err(error) => return Err(to_py(py, explain::send(socket, error, None))),
            }
        }
        send_waiting(py, socket, &mut frames, flags, timeout)?;
        Ok(outgoing.tracker)
    }

    /// Receives a numpy array that send_array(), or pyzmq's recipe for arrays, has sent.
    ///
    /// The array is writable, and its memory is the message's: nothing is copied, unless copy=True asks for a private copy or the
    /// bytes lie where numpy's items must not (a small message's may).
    ///
    /// Raises ValueError for a message that is not an array: not two frames, a dtype that is not plain bytes, a shape that does
    /// not account for the bytes of the second frame. Such a message is gone, with all its frames, and the socket can be used
    /// on. No code and no pickle of the sender's is ever run. Raises ImportError without numpy, before it receives. The rest
    /// is as in recv_multipart(), with `timeout` in seconds.
    #[pyo3(signature = (flags=0, copy=false, *, timeout=None))]
    fn recv_array<'py>(
        &self,
        py: Python<'py>,
        flags: i32,
        copy: bool,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let numpy = Numpy::get(py)?;
        let frames = recv_frames(py, self.core().or_raise(py)?, flags, timeout)?;
        match <[_; 2]>::try_from(frames) {
            Ok([header, data]) => {
                let header = Header::read(header.as_slice()).map_err(to_value_error)?;
                numpy.array(py, &header, &Bound::new(py, PyFrame::wrap(data))?, copy)
            }
            Err(frames) => Err(wrong_count(frames.len())),
        }
    }
}

/// The two frames of an array.
type Pair<'py> = (Bound<'py, PyBytes>, Bound<'py, PyAny>);

/// The frames that send_array() sends, for send_multipart(), and their tracker if `track` asks for one.
///
/// `threshold`: from so many bytes on memory is lent, not copied; None copies everything. Errors are those of send_array().
#[pyfunction]
#[pyo3(signature = (array, threshold=None, track=false))]
pub fn array_frames<'py>(
    py: Python<'py>,
    array: &Bound<'py, PyAny>,
    threshold: Option<usize>,
    track: bool,
) -> PyResult<(Pair<'py>, Option<Py<PyAny>>)> {
    let outgoing = Outgoing::new(array, threshold, track)?;
    Ok(((PyBytes::new(py, &outgoing.header), outgoing.data), outgoing.tracker))
}

/// The array that the frames of a message are: what recv_array() makes of them, with its errors.
#[pyfunction]
#[pyo3(signature = (frames, copy=false))]
pub fn array_from_frames<'py>(
    py: Python<'py>,
    frames: Vec<Bound<'py, PyFrame>>,
    copy: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let [header, data] = frames.as_slice() else {
        return Err(wrong_count(frames.len()));
    };
    let header = Header::read(header.get().lock().as_slice());
    Numpy::get(py)?.array(py, &header.map_err(to_value_error)?, data, copy)
}

/// The array that a message's frames are.
///
/// # Errors
/// ValueError for what is no array.
pub fn read_array(py: Python<'_>, frames: Vec<Message>, copy: bool) -> PyResult<Bound<'_, PyAny>> {
    let [header, data] = <[_; 2]>::try_from(frames).map_err(|frames| wrong_count(frames.len()))?;
    let header = Header::read(header.as_slice()).map_err(to_value_error)?;
    Numpy::get(py)?.array(py, &header, &Bound::new(py, PyFrame::wrap(data))?, copy)
}

/// An array as a message's frames, copied once, so that it may be changed afterwards.
///
/// # Errors
/// TypeError for what is none, or has items that are not plain bytes.
pub fn write_array(array: &Bound<'_, PyAny>) -> PyResult<Vec<Message>> {
    let outgoing = Outgoing::new(array, None, false)?;
    let data = Payload::of(&outgoing.data)?;
    let frames = Message::from_slice(&outgoing.header).and_then(|header| Ok(vec![header, data.into_message()?]));
    frames.or_raise(array.py())
}

/// An array on its way out.
struct Outgoing<'py> {
    header: Vec<u8>,
    /// Its bytes: a frame that lends them, or what is to be copied.
    data: Bound<'py, PyAny>,
    tracker: Option<Py<PyAny>>,
}

impl<'py> Outgoing<'py> {
    fn new(given: &Bound<'py, PyAny>, threshold: Option<usize>, track: bool) -> PyResult<Self> {
        let py = given.py();
        let numpy = Numpy::get(py)?;
        let given = numpy.plain(given)?;
        let Described { header, bytes, lends, structured } = describe(py, numpy, &given)?;
        let in_order = given.getattr(intern!(py, "flags"))?.getattr(intern!(py, "c_contiguous"))?.is_truthy()?;
        let array = if in_order {
            given
        } else {
            // Of structures numpy copies the fields alone: the bytes between them would be whatever memory had there.
            let items = if structured { whole_items(py, &given)? } else { given };
            call(numpy.ascontiguousarray.bind(py), &PyTuple::new(py, [items])?)?
        };
        // A copy that is nobody else's needs no other.
        let lent =
            threshold.or_else(|| (!in_order).then_some(LARGE)).is_some_and(|threshold| bytes >= threshold.max(1));
        let data = match bytes {
            0 => PyBytes::new(py, b"").into_any(),
            _ if lends => array,
            _ => as_bytes(py, &array)?,
        };
        if lent {
            let frame = PyFrame::lend(&data, track)?;
            let tracker = frame.tracker().map(|tracker| tracker.clone_ref(py));
            return Ok(Outgoing { header, data: Bound::new(py, frame)?.into_any(), tracker });
        }
        let tracker = track.then(|| tracker::finished(py)).transpose()?;
        Ok(Outgoing { header, data, tracker })
    }
}

/// What an array says of itself.
struct Described {
    header: Vec<u8>,
    bytes: usize,
    /// Whether numpy lends its buffer: not of dates, nor of structures that may have some. One without axes is no use.
    lends: bool,
    structured: bool,
}

fn describe(py: Python<'_>, numpy: &Numpy, array: &Bound<'_, PyAny>) -> PyResult<Described> {
    let dtype = array.getattr(intern!(py, "dtype"))?;
    let refused =
        |why: &dyn std::fmt::Display| PyTypeError::new_err(format!("an array of {dtype} cannot be sent: {why}"));
    // Registered by other packages: their text means nothing elsewhere, and their bytes are counted as void.
    const REGISTERED: i32 = 2;
    if dtype.getattr(intern!(py, "isbuiltin"))?.extract::<i32>()? == REGISTERED {
        return Err(refused(&"send a view() of it with a dtype of numpy's own"));
    }
    let kind: char = dtype.getattr(intern!(py, "kind"))?.extract()?;
    let structured = !dtype.getattr(intern!(py, "names"))?.is_none();
    let text = if !structured {
        let code = dtype.getattr(intern!(py, "str"))?;
        let plain = Plain::read(&code.cast::<PyString>()?.to_cow()?)
            .map_err(|_| refused(&"its items are not plain bytes of a fixed size; numbers, dates, <U5 and |S5 are"))?;
        Cow::Owned(format!("\"{plain}\""))
    } else {
        let descr = dtype.getattr(intern!(py, "descr")).map_err(|error| refused(&error.value(py)))?;
        let json = json::dumps(&descr)?.ok_or_else(|| refused(&"its names are not all text"))?;
        Cow::Owned(String::from_utf8(json).map_err(|error| refused(&error))?)
    };
    let shape: Vec<usize> = array.getattr(intern!(py, "shape"))?.extract()?;
    let header = header(&text, &shape);
    if kind == 'V' {
        // What the receiver will make of it must be the same: no objects, no titles, nothing left out.
        let read = Header::read(&header).map_err(|error| refused(&error))?;
        if !numpy.dtype(py, &read.dtype)?.eq(&dtype)? {
            return Err(refused(&"a list of fields does not describe it"));
        }
    }
    let bytes = array.getattr(intern!(py, "nbytes"))?.extract()?;
    Ok(Described { header, bytes, lends: !matches!(kind, 'm' | 'M' | 'V') && !shape.is_empty(), structured })
}

/// The array with items that are copied whole.
fn whole_items<'py>(py: Python<'py>, array: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let size: usize = array.getattr(intern!(py, "itemsize"))?.extract()?;
    call(&array.getattr(intern!(py, "view"))?, &(format!("V{size}"),).into_pyobject(py)?)
}

/// The bytes of an array that has some and has them in order.
fn as_bytes<'py>(py: Python<'py>, array: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let flat = call(&array.getattr(intern!(py, "reshape"))?, &(-1,).into_pyobject(py)?)?;
    call(&flat.getattr(intern!(py, "view"))?, &(intern!(py, "u1"),).into_pyobject(py)?)
}

/// What is used of numpy.
struct Numpy {
    ndarray: Py<PyType>,
    masked: Py<PyType>,
    dtype: Py<PyAny>,
    asarray: Py<PyAny>,
    ascontiguousarray: Py<PyAny>,
}

impl Numpy {
    fn get(py: Python<'_>) -> PyResult<&Self> {
        static NUMPY: PyOnceLock<Numpy> = PyOnceLock::new();
        NUMPY.get_or_try_init(py, || {
            let load = py.import("importlib")?.getattr("import_module")?;
            let numpy = call(&load, &("numpy",).into_pyobject(py)?).map_err(|error| missing(py, error))?;
            let masked = call(&load, &("numpy.ma",).into_pyobject(py)?)?.getattr("MaskedArray")?;
            Ok(Numpy {
                ndarray: numpy.getattr("ndarray")?.cast_into::<PyType>()?.unbind(),
                masked: masked.cast_into::<PyType>()?.unbind(),
                dtype: numpy.getattr("dtype")?.unbind(),
                asarray: numpy.getattr("asarray")?.unbind(),
                ascontiguousarray: numpy.getattr("ascontiguousarray")?.unbind(),
            })
        })
    }

    /// The array as numpy's own class: what subclasses add is not sent, and their code is not run.
    fn plain<'py>(&self, given: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = given.py();
        let class = given.get_type();
        if class.is(&self.ndarray) {
            return Ok(given.clone());
        }
        if class.is_subclass(self.masked.bind(py))? {
            return Err(PyTypeError::new_err(
                "a masked array cannot be sent, its mask would be lost: send array.filled(), or array.data and array.mask",
            ));
        }
        if !class.is_subclass(self.ndarray.bind(py))? {
            let text =
                format!("send_array() takes a numpy.ndarray, not {class}: numpy.asarray() makes one of much else");
            return Err(PyTypeError::new_err(text));
        }
        call(self.asarray.bind(py), &PyTuple::new(py, [given])?)
    }

    /// The array in the memory of a frame.
    fn array<'py>(
        &self,
        py: Python<'py>,
        header: &Header,
        frame: &Bound<'py, PyFrame>,
        copy: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let size = frame.get().lock().len();
        header.check(size).map_err(to_value_error)?;
        let dtype = self.dtype(py, &header.dtype)?;
        let shape = PyTuple::new(py, &header.shape)?;
        let ndarray = self.ndarray.bind(py).as_any();
        if size == 0 {
            return call(ndarray, &(shape, dtype).into_pyobject(py)?).map_err(|error| unknown(py, error));
        }
        let array = call(ndarray, &(shape, dtype, frame).into_pyobject(py)?).map_err(|error| unknown(py, error))?;
        let usable = array.getattr(intern!(py, "flags"))?.getattr(intern!(py, "aligned"))?.is_truthy()?;
        if usable && !copy {
            return Ok(array);
        }
        call(&array.getattr(intern!(py, "copy"))?, &PyTuple::empty(py))
    }

    fn dtype<'py>(&self, py: Python<'py>, dtype: &Dtype) -> PyResult<Bound<'py, PyAny>> {
        let described = match dtype {
            Dtype::Plain(plain) => PyString::new(py, &plain.to_string()).into_any(),
            Dtype::Structure(structure) => self.fields(py, structure)?.into_any(),
        };
        call(self.dtype.bind(py), &PyTuple::new(py, [described])?).map_err(|error| unknown(py, error))
    }

    /// A structure as numpy takes it with the places of its fields.
    fn fields<'py>(&self, py: Python<'py>, structure: &Structure) -> PyResult<Bound<'py, PyDict>> {
        let (names, formats, offsets) = (PyList::empty(py), PyList::empty(py), PyList::empty(py));
        for field in &structure.fields {
            let format = self.dtype(py, &field.dtype)?;
            match &field.shape {
                None => formats.append(format)?,
                Some(shape) => formats.append((format, PyTuple::new(py, shape)?))?,
            }
            names.append(&field.name)?;
            offsets.append(field.offset)?;
        }
        let described = PyDict::new(py);
        described.set_item("names", names)?;
        described.set_item("formats", formats)?;
        described.set_item("offsets", offsets)?;
        described.set_item("itemsize", structure.size)?;
        Ok(described)
    }
}

fn to_value_error(refused: Refused) -> PyErr {
    PyValueError::new_err(refused.0)
}

fn wrong_count(frames: usize) -> PyErr {
    PyValueError::new_err(format!(
        "a message with an array has two frames, a header and the data, and this one had {frames}"
    ))
}

/// What this numpy, on this machine, does not have: a long double of that size, so many dimensions.
fn unknown(py: Python<'_>, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyTypeError>(py) && !error.is_instance_of::<PyValueError>(py) {
        return error;
    }
    let refused = PyValueError::new_err(format!("this numpy cannot have such an array: {}", error.value(py)));
    refused.set_cause(py, Some(error));
    refused
}

fn missing(py: Python<'_>, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyImportError>(py) {
        return error;
    }
    let missing = PyImportError::new_err("send_array() and recv_array() need numpy: pip install 'brokerless[numpy]'");
    missing.set_cause(py, Some(error));
    missing
}
