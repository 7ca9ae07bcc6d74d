import pytest
import torch

from xsns_hf.models.denormals import flushed_denormals


def is_flushed() -> bool:
    return (torch.full((1,), 1e-40) * 1).item() == 0


@pytest.mark.parametrize("before", [False, True])
def test_denormals_are_treated_as_before_afterwards(before):
    torch.set_flush_denormal(before)
    try:
        with flushed_denormals():
            assert is_flushed()
            with flushed_denormals():
                assert is_flushed()
            assert is_flushed()
        assert is_flushed() == before
    finally:
        torch.set_flush_denormal(False)
