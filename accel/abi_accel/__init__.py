"""Native kernels for abi: plain C behind the kernel seam, loaded with ctypes."""

__all__ = ["__version__"]

__version__ = "0.1.0"
