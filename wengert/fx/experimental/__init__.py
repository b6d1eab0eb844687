"""What torch's own tracers note (`torch.fx.experimental`): nothing is traced by them here."""
