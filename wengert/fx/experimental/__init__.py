"""What torch's own tracers note (`torch.fx.experimental`): nothing is traced by them here."""

from wengert.core.base.submodules import on_demand

__getattr__ = on_demand(__name__)
