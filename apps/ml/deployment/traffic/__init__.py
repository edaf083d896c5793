"""Which version answers whom: arms with planned weights, and shadows whose answers nobody gets."""
