"""What editors and type checkers know of the package: the flat names, each from where it is defined."""

from . import constants as constants
from . import error as error
from ._core import DeviceStats as DeviceStats
from ._core import Frame as Frame
from ._core import Peer as Peer
from ._core import SocketStats as SocketStats
from ._core import curve_keypair as curve_keypair
from ._core import curve_public as curve_public
from ._core import has as has
from ._core import strerror as strerror
from ._core import zmq_errno as zmq_errno
from ._core import zmq_version_info as zmq_version_info
from ._version import __version__ as __version__
from ._version import pyzmq_version as pyzmq_version
from ._version import pyzmq_version_info as pyzmq_version_info
from ._version import zmq_version as zmq_version
from .constants import *
from .context import Context as Context
from .device import Forwarder as Forwarder
from .device import Queue as Queue
from .device import Streamer as Streamer
from .device import device as device
from .device import proxy as proxy
from .device import proxy_steerable as proxy_steerable
from .error import *
from .poll import Poller as Poller
from .poll import select as select
from .socket import Socket as Socket

Message = Frame
