"""`torch.testing._internal`: names, families of dtypes, entries of operators, and what watches operators."""

import importlib
import subprocess
import sys

import pytest

import wengert as torch
from tests.backend import ROOT, wengert_only
from wengert.testing import FileCheck
from wengert.testing._internal import common_dtype, common_utils, composite_compliance, logging_tensor
from wengert.testing._internal.common_methods_invocations import mask_not_all_zeros, op_db
from wengert.testing._internal.two_tensor import TwoTensor
from wengert.utils._mode_utils import no_dispatch
from wengert.utils._python_dispatch import TorchDispatchMode

NAMES = {
    "common_utils": "TestCase run_tests parametrize subtest instantiate_parametrized_tests IS_WINDOWS IS_MACOS "
    "IS_FBCODE IS_SANDCASTLE TEST_WITH_ROCM TEST_WITH_TORCHDYNAMO TEST_SCIPY TEST_CUDA TEST_NUMPY noncontiguous_like "
    "skipIfRocm skipIfTorchDynamo skipIfMPS skipIfXpu skipIfCrossRef markDynamoStrictTest unMarkDynamoStrictTest "
    "xfailIfTorchDynamo freeze_rng_state set_default_dtype slowTest suppress_warnings gradcheck gradgradcheck "
    "GRADCHECK_NONDET_TOL disable_gc load_tests make_tensor random_symmetric_pd_matrix first_sample outs_and_grads "
    "skipIfNoLapack skipIfNoSciPy TemporaryFileName BytesIOContext find_free_port set_rng_seed SEED "
    "_assertGradAndGradgradChecks scoped_load_inline wrapDeterministicFlagAPITest skipIfWindows decorateIf",
    "common_device_type": "instantiate_device_type_tests dtypes dtypesIfCPU dtypesIfCUDA ops OpDTypes onlyCPU onlyCUDA "
    "onlyNativeDeviceTypes skipCPUIf skipCUDAIf skipMeta expectedFailureCUDA toleranceOverride precisionOverride tol "
    "deviceCountAtLeast largeTensorTest disablecuDNN get_all_device_types skipCPUIfNoLapack skipCUDAIfNoMagma",
    "common_cuda": "TEST_CUDA TEST_MULTIGPU TEST_CUDNN SM80OrLater tf32_on_and_off with_tf32_off",
    "common_nn": "NNTestCase", "jit_utils": "JitTestCase", "inductor_utils": "HAS_CUDA", "triton_utils": "requires_gpu",
    "opinfo.core": "OpInfo SampleInput DecorateInfo S M L UnaryUfuncInfo BinaryUfuncInfo ReductionOpInfo",
}  # fmt: skip


@pytest.mark.parametrize("module", NAMES)
def test_names_that_test_files_import(module):
    found = importlib.import_module(f"wengert.testing._internal.{module}")
    assert [name for name in NAMES[module].split() if not hasattr(found, name)] == []


def test_nothing_of_it_is_loaded_with_the_package():
    code = "import sys, wengert; print([m for m in sys.modules if m.startswith('wengert.testing')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


@wengert_only
def test_families_of_dtypes_are_those_of_torch():
    pytest.importorskip("torch")
    theirs = pytest.importorskip("torch.testing._internal.common_dtype")
    for name in (
        "floating_types", "floating_and_complex_types", "integral_types", "all_types", "all_types_and_complex",
        "all_types_and_half", "complex_types", "double_types", "empty_types", "get_all_dtypes", "get_all_int_dtypes",
        "get_all_fp_dtypes", "get_all_complex_dtypes",
    ):  # fmt: skip
        found, wanted = (list(map(str, getattr(module, name)())) for module in (common_dtype, theirs))
        assert found == wanted, name
    assert common_dtype.floating_types_and(torch.bfloat16)[-1] is torch.bfloat16
    with pytest.raises(AssertionError):
        common_dtype.floating_types_and("bfloat16")


def test_entries_are_computed_for_the_dtypes_they_name():
    entries = {op.full_name: op for op in op_db}
    assert len(entries) == len(op_db) > 400
    assert torch.float64 not in entries["bitwise_and"].dtypes
    assert entries["linalg.svd"].supported_backward_dtypes("cpu") >= {torch.float32, torch.float64}
    for name in ("sin", "add", "matmul", "nn.functional.relu", "fft.fft", "where"):
        op = entries[name]
        for dtype in op.supported_dtypes("cpu"):
            for sample in op.sample_inputs("cpu", dtype):
                op(sample.input, *sample.args, **sample.kwargs)


def test_matrices_are_what_their_names_say():
    a = common_utils.random_symmetric_pd_matrix(4, 2)
    assert a.shape == (2, 4, 4) and bool((torch.linalg.eigvalsh(a) > 0).all())
    options = {"dtype": torch.float64, "device": "cpu"}
    s = torch.linalg.svdvals(common_utils.make_fullrank_matrices_with_distinct_singular_values(4, 4, **options))
    assert torch.allclose(s, torch.tensor([1.5, 1.25, 0.8, 2 / 3], dtype=torch.float64))
    assert int(torch.linalg.matrix_rank(common_utils.random_square_matrix_of_rank(5, 3))) == 3
    dense = common_utils.random_sparse_pd_matrix(6, density=0.5).to_dense()
    assert torch.allclose(torch.linalg.eigvalsh(dense), torch.arange(1, 7, dtype=torch.float64) / 6)
    assert bool(mask_not_all_zeros((3,)).any())


def test_operators_are_logged():
    with logging_tensor.capture_logs() as lines:
        x = logging_tensor.LoggingTensor(torch.ones(2))
        logging_tensor.log_input("x", x)
        y = torch.add(x, 2) + x
    assert isinstance(y, logging_tensor.LoggingTensor) and y.tolist() == [4, 4]
    assert lines == [
        "$0: f32[2] = input('x')",
        "$1: f32[2] = torch._ops.aten.add.Tensor($0, 2)",
        "$2: f32[2] = torch._ops.aten.add.Tensor($1, $0)",
    ]
    with logging_tensor.capture_logs_with_logging_tensor_mode() as lines:
        torch.cat([torch.ones(2), torch.ones(2)])
    assert lines[-1].endswith("torch._ops.aten.cat.default(['$0', '$0'])") or "aten.cat" in lines[-1]


def test_two_tensors_go_through_every_function():
    x = TwoTensor(torch.tensor([1.0, 2]), torch.tensor([3.0, 4]))
    y = torch.sin(x) * 2 + 1
    assert torch.equal(y.a, torch.sin(x.a) * 2 + 1) and torch.equal(y.b, torch.sin(x.b) * 2 + 1)
    assert x.shape == (2,) and isinstance(y, TwoTensor)
    x.add_(1)
    assert x.b.tolist() == [4, 5] and x.a.tolist() == [2, 3]


def test_modes_do_not_see_what_runs_without_dispatch():
    class Counting(TorchDispatchMode):
        seen = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.seen += 1
            return func(*args, **(kwargs or {}))

    x = torch.ones(2)
    with Counting() as mode:
        x + 1
        with no_dispatch():
            x + 1
        x * 2
    assert mode.seen == 2


def test_gradients_under_a_mode_are_the_same():
    x = torch.rand(3, requires_grad=True)
    composite_compliance.check_backward_formula(
        torch.sin, (x,), {}, assert_equal_fn=common_utils.TestCase().assertEqual
    )
    composite_compliance.check_with_mode(torch.sin, (x,), {}, common_utils.TestCase().assertEqual)
    wrong = lambda x: torch.ones(2) + torch.ones(3)  # noqa: E731
    with pytest.raises(RuntimeError):
        composite_compliance.check_with_mode(wrong, (x,), {}, None)


TEXT = "one = add(two)\nthree = mul(one)\nreturn three\n"


def test_texts_are_checked_in_order():
    FileCheck().check("add").check_next("mul").check("return").run(TEXT)
    FileCheck().check_not("sub").check_count("three", 2, exactly=True).run(TEXT)
    FileCheck().check_dag("mul").check_dag("add").check("return").run(TEXT)
    FileCheck().check("one").check_same("two").run(TEXT)
    FileCheck().check_regex(r"mul\(\w+\)").run(TEXT)
    FileCheck().run("# CHECK: add\n# CHECK-NOT: sub\n# CHECK: return {{th.*}}\n", TEXT)


@pytest.mark.parametrize(
    "wrong",
    [
        FileCheck().check("mul").check("add"),
        FileCheck().check("add").check_next("return"),
        FileCheck().check_not("mul"),
        FileCheck().check("one").check_same("mul"),
        FileCheck().check_count("three", 3),
        FileCheck().check_count("three", 1, exactly=True),
        FileCheck().check("add").check_not("mul").check("return"),
        FileCheck(),
    ],
)
def test_texts_out_of_order_are_refused(wrong):
    with pytest.raises(RuntimeError):
        wrong.run(TEXT)
