"""Tests as a program written for torch has them; some fail on purpose. `test_same_outcomes` runs this file."""

import unittest
import warnings
from collections import OrderedDict

import numpy as np
import torch
from torch.testing._internal.common_device_type import (
    OpDTypes,
    deviceCountAtLeast,
    dtypes,
    dtypesIfCPU,
    expectedFailureCPU,
    expectedFailureCUDA,
    instantiate_device_type_tests,
    onlyCPU,
    onlyCUDA,
    onlyNativeDeviceTypes,
    onlyOn,
    ops,
    precisionOverride,
    skipCPUIf,
    skipCUDAIf,
    skipMeta,
    tol,
    toleranceOverride,
)
from torch.testing._internal.common_dtype import floating_types_and
from torch.testing._internal.common_methods_invocations import DecorateInfo, OpInfo, SampleInput, op_db
from torch.testing._internal.common_utils import (
    DeterministicGuard,
    TestCase,
    decorateIf,
    freeze_rng_state,
    gradcheck,
    gradgradcheck,
    instantiate_parametrized_tests,
    noncontiguous_like,
    parametrize,
    random_symmetric_matrix,
    reparametrize,
    run_tests,
    set_default_dtype,
    skipIfNoLapack,
    skipIfRocm,
    skipIfTorchDynamo,
    skipIfWindows,
    slowTest,
    subtest,
    suppress_warnings,
)

HALF = torch.tensor([1.0, 2.5, 3.0])
WHOLE = torch.tensor([1.0, 2.0, 3.0])


class TestStories(TestCase):
    def test_each_test_starts_from_the_seed(self):
        self.assertEqual(torch.rand(3), [0.02900099754, 0.401891589, 0.2597821950])

    def test_each_test_starts_from_the_seed_again(self):
        self.assertEqual(torch.rand(1), [0.02900099754])

    def test_gradients(self):
        x = torch.randn(3, requires_grad=True)
        (x * x).sum().backward()
        self.assertEqual(x.grad, 2 * x)
        y = x.detach().double().requires_grad_()
        self.assertTrue(gradcheck(torch.sin, (y,)))
        self.assertTrue(gradgradcheck(torch.sin, (y,)))

    def test_wrong_gradient(self):
        class Wrong(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

            @staticmethod
            def backward(ctx, g):
                return g * 3

        gradcheck(Wrong.apply, (torch.ones(2, dtype=torch.double, requires_grad=True),), check_batched_grad=False)

    def test_error(self):
        self.assertRaisesRegex(RuntimeError, "must match the size", lambda: torch.ones(2) + torch.ones(3))
        torch.ones(2).view(3)

    def test_what_is_equal(self):
        self.assertEqual(torch.ones(2), np.ones(2, np.float32))
        self.assertEqual(torch.tensor(1), 1)
        self.assertEqual(torch.ones(2), [1, 1])
        self.assertEqual((1, 2.0), [1.0, 2])
        self.assertEqual(float("nan"), float("nan"))
        self.assertEqual(True, 1)
        self.assertEqual(torch.ones(2, 3).to_sparse(), torch.ones(2, 3))
        self.assertEqual(OrderedDict(a=1), {"a": 1})
        self.assertEqual(np.array(["a"]), np.array(["a"]))
        self.assertEqual(torch.ones(2).untyped_storage().tolist(), torch.ones(2).untyped_storage().tolist())
        self.assertNotEqual(torch.ones(2), torch.zeros(2))
        self.assertEqualIgnoreType(torch.ones(2), torch.ones(2).double())
        self.assertEqualBroadcasting(torch.ones(2, 3), 1)
        self.assertEqual(torch.ones(2), torch.ones(2) + 1e-7)
        self.assertObjectIn(self, [self])
        self.assertExpectedInline(str(torch.ones(2)), """tensor([1., 1.])""")
        self.assertGreaterAlmostEqual(1, 1.0000000001)

    def test_warnings(self):
        with self.assertWarnsOnceRegex(UserWarning, "y"):
            warnings.warn("yy", stacklevel=1)
        self.assertNotWarn(lambda: torch.ones(2) / torch.zeros(2))
        self.assertNotWarn(lambda: warnings.warn("x", stacklevel=1))

    def test_precision(self):
        self.precision = 0.6
        self.assertEqual(torch.tensor(1.0), torch.tensor(1.5))
        self.assertEqual(1, 1.5)
        self.assertEqual(1, 1.7)

    def test_guards(self):
        with set_default_dtype(torch.float64):
            self.assertEqual(torch.ones(1).dtype, torch.float64)
        with freeze_rng_state():
            drawn = torch.rand(2)
        self.assertEqual(drawn, torch.rand(2))
        with DeterministicGuard(True):
            self.assertTrue(torch.are_deterministic_algorithms_enabled())
        self.assertFalse(torch.are_deterministic_algorithms_enabled())
        m = random_symmetric_matrix(3)
        self.assertEqual(m, m.mT)
        self.assertEqual(noncontiguous_like(m), m)
        self.assertFalse(noncontiguous_like(m).is_contiguous())
        self.compare_with_numpy(torch.sin, np.sin, torch.rand(3))
        self.compare_with_numpy(torch.sin, np.sin, [1.0, 2], "cpu", torch.float32)
        torch.set_grad_enabled(False)

    def test_guards_are_put_back(self):
        self.assertTrue(torch.is_grad_enabled())

    def test_sparse_makers(self):
        for make in (self.genSparseCSRTensor, self.genSparseCSCTensor):
            made = make((3, 4), 5, device="cpu", dtype=torch.float32, index_dtype=torch.int64)
            self.assertEqual(made._nnz(), 5)
        x, indices, values = self.genSparseTensor((3, 4), 2, 5, False, "cpu", torch.float64)
        self.assertEqual(x._indices(), indices)
        self.assertEqual(x._values(), values)

    @skipIfTorchDynamo("why")
    @skipIfWindows
    @skipIfRocm
    @skipIfNoLapack
    @suppress_warnings
    def test_marks_that_let_run(self):
        warnings.warn("q", stacklevel=1)

    @slowTest
    def test_slow(self):
        self.fail()

    @unittest.expectedFailure
    def test_expected(self):
        self.assertEqual(1, 2)


FAILING = {
    "close": lambda case: case.assertEqual(WHOLE, HALF),
    "message": lambda case: case.assertEqual(WHOLE, HALF, msg="extra"),
    "function": lambda case: case.assertEqual(1, 2, msg=lambda text: "Header: " + text),
    "integers": lambda case: case.assertEqual(WHOLE.long(), WHOLE.long() * 2),
    "number": lambda case: case.assertEqual(1.5, 2),
    "shape": lambda case: case.assertEqual(torch.ones(2), torch.ones(3)),
    "dtype": lambda case: case.assertEqual(torch.ones(2), torch.ones(2).double()),
    "string": lambda case: case.assertEqual("a", "b"),
    "set": lambda case: case.assertEqual({1}, {2}),
    "type": lambda case: case.assertEqual(int, float),
    "object": lambda case: case.assertEqual(object, 3),
    "none": lambda case: case.assertEqual(None, 3),
    "list": lambda case: case.assertEqual([1, torch.ones(2)], [1, torch.zeros(2)]),
    "dict": lambda case: case.assertEqual({"a": {"b": 1}}, {"a": {"b": 2}}),
    "keys": lambda case: case.assertEqual({"a": 1}, {"b": 1}),
    "length": lambda case: case.assertEqual([1], [1, 2]),
    "size": lambda case: case.assertEqual(torch.ones(2, 3).size(), torch.Size([2, 4])),
    "bool": lambda case: case.assertEqual(True, torch.tensor(False)),
    "device": lambda case: case.assertEqual(torch.device("cpu"), torch.device("cuda:0")),
    "dtypes": lambda case: case.assertEqual(torch.float32, torch.float64),
    "not_equal": lambda case: case.assertNotEqual(torch.ones(2), torch.ones(2)),
    "stride": lambda case: case.assertEqual(torch.ones(2, 3).t(), torch.ones(3, 2), exact_stride=True),
    "layout": lambda case: case.assertEqual(torch.ones(2).to_sparse(), torch.ones(2), exact_layout=True),
    "sparse": lambda case: case.assertEqual(WHOLE.to_sparse(), HALF.to_sparse()),
    "eight_bits": lambda case: case.assertEqual(WHOLE.to(torch.float8_e5m2), HALF.to(torch.float8_e5m2)),
    "complex": lambda case: case.assertEqual(WHOLE * 1j, HALF * 1j),
    "inline": lambda case: case.assertExpectedInline("a\nb", """a\nc"""),
}


class TestWords(TestCase):
    @parametrize("name", sorted(FAILING), name_fn=str)
    def test_fail(self, name):
        FAILING[name](self)

    def test_several_elements_beside_a_number(self):
        with self.assertRaisesRegex(ValueError, "Only single element tensor-likes can be compared against a number"):
            self.assertEqual(1, torch.ones(3))


class TestParametrized(TestCase):
    @parametrize("x", range(3))
    def test_a(self, x):
        self.assertLess(x, 2)

    @parametrize("x,y", [(1, "foo"), (2, "b.r")])
    @parametrize("flag", [True, False])
    def test_b(self, x, y, flag):
        self.assertTrue(not flag or x != 2)

    @parametrize(
        "x, y",
        [subtest((1, 2), name="double"), subtest((1, 3), name="t", decorators=[unittest.expectedFailure]), (4, 5)],
    )
    def test_c(self, x, y):
        self.assertNotEqual(y, 3)

    @parametrize("x", [1, 2], name_fn=lambda x: f"n{x}")
    def test_d(self, x):
        self.assertGreater(x, 0)

    @parametrize("value", [torch.sin, None, 0.5, torch.float32, torch.device("cpu")])
    def test_e(self, value):
        self.assertNotEqual(value, 0.5)

    @reparametrize(
        parametrize("x", range(4)), lambda name, values: [(name + "_even", values)] if values["x"] % 2 == 0 else None
    )
    def test_f(self, x):
        self.assertEqual(x % 2, 0)

    @decorateIf(unittest.expectedFailure, lambda values: values["x"] == 1)
    @parametrize("x", range(3))
    def test_g(self, x):
        self.assertNotEqual(x, 1)


instantiate_parametrized_tests(TestWords)
instantiate_parametrized_tests(TestParametrized)


class TestDevices(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.up = 1

    def helper(self):
        return self.up

    def test_plain(self, device):
        self.assertEqual(self.helper(), 1)
        self.assertEqual(device, "cpu")

    def test_without_device(self):
        self.assertEqual(self.device_type, "cpu")

    @dtypes(torch.float32, torch.int64)
    def test_dtypes(self, device, dtype):
        self.assertEqual(torch.ones(2, device=device, dtype=dtype).dtype, dtype)

    @dtypes(*floating_types_and(torch.bfloat16))
    @parametrize("k", [1, 2])
    def test_both(self, device, dtype, k):
        self.assertNotEqual(k, 2)

    @dtypesIfCPU(torch.float64)
    @dtypes(torch.float32)
    def test_of_the_cpu(self, device, dtype):
        self.assertEqual(dtype, torch.float64)

    @dtypes((torch.float32, torch.float64), (torch.int8, torch.int16))
    def test_two(self, device, dtypes):
        self.assertEqual(len(dtypes), 2)

    @onlyCUDA
    def test_only_cuda(self, device):
        self.fail()

    @onlyCPU
    @onlyNativeDeviceTypes
    @onlyOn(["cpu", "cuda"])
    @skipMeta
    @skipCUDAIf(True, "x")
    @expectedFailureCUDA
    def test_marks(self, device):
        self.assertEqual(device, "cpu")

    @skipCPUIf(True, "reason")
    def test_skipped(self, device):
        self.fail()

    @expectedFailureCPU
    def test_expected(self, device):
        self.fail()

    @expectedFailureCPU
    def test_expected_and_passing(self, device):
        pass

    @toleranceOverride({torch.float32: tol(atol=1, rtol=0)})
    @dtypes(torch.float32, torch.float64)
    def test_tolerance(self, device, dtype):
        self.assertEqual(torch.tensor(1, dtype=dtype), torch.tensor(1.5, dtype=dtype))

    @precisionOverride({torch.float32: 1})
    @dtypes(torch.float32, torch.float64)
    def test_precision(self, device, dtype):
        self.assertEqual(torch.tensor(1, dtype=dtype), torch.tensor(1.5, dtype=dtype))

    @deviceCountAtLeast(2)
    def test_several(self, devices):
        self.fail()

    @deviceCountAtLeast(1)
    def test_one(self, devices):
        self.assertEqual(devices, ["cpu"])


SOME = [op for op in op_db if op.name in ("sin", "add", "linalg.det", "cat", "where", "cumsum")]
OWN = [
    OpInfo(
        "own",
        op=lambda x: x * 2,
        dtypes={torch.float32, torch.float64},
        sample_inputs_func=lambda op, device, dtype, requires_grad, **kwargs: [
            SampleInput(torch.ones(3, dtype=dtype, device=device, requires_grad=requires_grad))
        ],
        skips=(DecorateInfo(unittest.skip("s"), "TestOperators", "test_own", dtypes=[torch.float64]),),
    )
]


class TestOperators(TestCase):
    @ops(SOME, allowed_dtypes=(torch.float32, torch.float64))
    def test_runs(self, device, dtype, op):
        count = 0
        for sample in op.sample_inputs(device, dtype):
            op(sample.input, *sample.args, **sample.kwargs)
            count += bool(sample.summary()) and sample.numpy() is not None
            sample.noncontiguous()
        self.assertGreater(count, 0)

    @ops(SOME, dtypes=OpDTypes.any_one)
    def test_one_dtype(self, device, dtype, op):
        self.assertEqual(dtype, torch.float32)

    @ops(SOME, dtypes=OpDTypes.none)
    def test_no_dtype(self, device, op):
        self.assertTrue(callable(op))

    @ops(OWN)
    def test_own(self, device, dtype, op):
        for sample in op.sample_inputs(device, dtype, requires_grad=True):
            self.assertEqual(op(sample.input), 2 * sample.input)

    @ops([op for op in SOME if op.name in ("sin", "add")], allowed_dtypes=(torch.float64,))
    def test_gradients(self, device, dtype, op):
        for sample in op.sample_inputs(device, dtype, requires_grad=True):
            self.assertTrue(gradcheck(lambda x, s=sample: op(x, *s.args, **s.kwargs), (sample.input,)))


instantiate_device_type_tests(TestDevices, globals())
instantiate_device_type_tests(TestOperators, globals())

if __name__ == "__main__":
    run_tests()
