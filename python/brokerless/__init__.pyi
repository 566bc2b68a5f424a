"""What editors and type checkers know of the package: the flat names, each from where it is defined."""

from . import backend as backend
from . import constants as constants
from . import error as error
from . import sugar as sugar
from ._alias import install_as_zmq as install_as_zmq
from ._core import DeviceStats as DeviceStats
from ._core import Frame as Frame
from ._core import Peer as Peer
from ._core import SocketStats as SocketStats
from ._core import curve_keypair as curve_keypair
from ._core import curve_public as curve_public
from ._core import get_spin as get_spin
from ._core import has as has
from ._core import set_spin as set_spin
from ._core import strerror as strerror
from ._core import zmq_errno as zmq_errno
from ._core import zmq_version_info as zmq_version_info
from ._dashboard import Dashboard as Dashboard
from ._diagram import Diagram as Diagram
from ._diagram import diagram as diagram
from ._doctor import doctor as doctor
from ._trace import trace as trace
from ._version import COPY_THRESHOLD as COPY_THRESHOLD
from ._version import IPC_PATH_MAX_LEN as IPC_PATH_MAX_LEN
from ._version import PYZMQ_DRAFT_API as PYZMQ_DRAFT_API
from ._version import __version__ as __version__
from ._version import get_includes as get_includes
from ._version import get_library_dirs as get_library_dirs
from ._version import pyzmq_version as pyzmq_version
from ._version import pyzmq_version_info as pyzmq_version_info
from ._version import zmq_version as zmq_version
from .constants import *
from .context import Context as Context
from .context import SyncContext as SyncContext
from .device import Forwarder as Forwarder
from .device import Queue as Queue
from .device import Streamer as Streamer
from .device import device as device
from .device import proxy as proxy
from .device import proxy_steerable as proxy_steerable
from .error import *
from .jupyter import load_ipython_extension as load_ipython_extension
from .jupyter import unload_ipython_extension as unload_ipython_extension
from .poll import Poller as Poller
from .poll import select as select
from .poll import zmq_poll as zmq_poll
from .security import ANYONE as ANYONE
from .security import Keys as Keys
from .security import secure as secure
from .socket import Socket as Socket
from .socket import SyncSocket as SyncSocket
from .sugar.stopwatch import Stopwatch as Stopwatch
from .tracker import _FINISHED_TRACKER as _FINISHED_TRACKER
from .tracker import MessageTracker as MessageTracker

Message = Frame
__revision__: str
