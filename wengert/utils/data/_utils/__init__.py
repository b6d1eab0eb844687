"""Parts of the loader that programs import by these paths."""

from wengert.utils.data._utils import collate, fetch, pin_memory, worker
from wengert.utils.data._utils.failure import ExceptionWrapper

MP_STATUS_CHECK_INTERVAL = worker.MP_STATUS_CHECK_INTERVAL
HAS_NUMPY = True
