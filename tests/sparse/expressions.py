"""Programs of one expression that are run with Wengert and with torch."""

import numpy as np

INDICES = [[0, 1, 1, 0], [2, 0, 2, 2]]


def names(lib):
    """What expressions may name: tensors in several layouts, made anew for each expression."""
    places, values = lib.tensor(INDICES), lib.tensor([3.0, 4.0, 5.0, 6.0])
    square = lib.tensor([[0, 1.0, 0, 2], [3, 0, 0, 0], [0, 0, 0, 0], [4, 0, 5, 6]])
    uncoalesced = lib.sparse_coo_tensor(places, values, (2, 3))
    return {
        "lib": lib, "i": places, "v": values, "U": uncoalesced, "S": uncoalesced.coalesce(), "A": square,
        "D": lib.arange(6.0).reshape(3, 2), "E": lib.ones(2, 3), "F": lib.arange(8.0).reshape(4, 2),
        "csr": square.to_sparse_csr(), "csc": square.to_sparse_csc(), "bsr": square.to_sparse_bsr((2, 2)),
        "bsc": square.to_sparse_bsc((2, 2)), "batch": lib.stack([square, square * 2]).to_sparse_csr(),
        "H": lib.sparse_coo_tensor(places, lib.arange(8.0).reshape(4, 2), (2, 3, 2)), "sc": lib.sparse_coo_tensor,
    }  # fmt: skip


def described(value):
    """A result in words that both libraries share."""
    if isinstance(value, (tuple, list)):
        return [described(part) for part in value]
    layout = str(getattr(value, "layout", None))
    if layout == "torch.sparse_coo":
        parts = {"indices": value._indices().tolist(), "values": rounded(value._values())}
        return {"layout": layout, "size": tuple(value.shape), "dtype": str(value.dtype), **parts,
                "coalesced": value.is_coalesced()}  # fmt: skip
    if layout == "torch.strided":
        return {"layout": layout, "dtype": str(value.dtype), "values": rounded(value)}
    if layout.startswith("torch.sparse"):
        rows = layout in ("torch.sparse_csr", "torch.sparse_bsr")
        first = value.crow_indices() if rows else value.ccol_indices()
        second = value.col_indices() if rows else value.row_indices()
        return {"layout": layout, "size": tuple(value.shape), "dtype": str(value.dtype), "first": first.tolist(),
                "second": second.tolist(), "values": rounded(value.values())}  # fmt: skip
    return repr(value)


def rounded(values):
    return np.round(np.array(values.detach().tolist(), complex), 4).tolist()


def outcome(lib, expression):
    """What an expression gives, or the built-in class and the leading words of its error."""
    try:
        return described(eval(expression, {}, names(lib)))
    except Exception as error:
        builtin = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
        return builtin.__name__, str(error)[:40]


COORDINATES = """
S*2; 2*S; S+S; S-S; S*S; S/2; -S; U+U; U*2; -U; U*U; U*S; U*E; E*U; U.abs(); U.t(); U.sum(0); U@D; U/2; U**2
U.clone(); S.coalesce(); U.coalesce(); S.to_dense(); U.to_dense(); S.t(); S.transpose(0,1); S.permute(1,0); S.T
S.mT; S.sum(); S.sum(0); S.sum(1); S.sum(dim=1,keepdim=True); S.sum((0,1)); S.abs(); S.sin(); S.sqrt(); lib.relu(S)
S.pow(2); S**2; S.values(); S.indices(); U.values(); U.indices(); U._values(); U._indices(); S[0]; S[:,1]; S[0,1]
S.select(0,1); S[None]; S.index_select(0,lib.tensor([1])); S.index_select(1,lib.tensor([2,0,2]))
S.index_select(0,lib.tensor([5])); S.detach(); S.to(lib.float64); S.double(); S.char(); S.bool(); S.half()
lib.cat([S,S]); lib.cat([S,S],1); lib.stack([S,S]); S.unsqueeze(0); S.unsqueeze(2); lib.sparse.softmax(S,dim=1)
lib.sparse.softmax(S,0); lib.sparse.log_softmax(S,1); S.cfloat().conj().coalesce().values(); S.narrow_copy(0,0,1)
S.pow(0); S.resize_(2,2); lib._convert_indices_from_coo_to_csr(lib.tensor([0,0,1]),3); S.topk(1); S.inverse()
S.diagonal(); S.__setitem__(0,1); lib._convert_indices_from_csr_to_coo(lib.tensor([0,1,3]),lib.tensor([2,0,2]))
lib._validate_sparse_coo_tensor_args(-i,v,(2,3)); lib.sparse.softmax(S,dim=-1,dtype=lib.float64)
lib.sparse.softmax(U,0); lib.sparse.softmax(H,1); lib.sparse.softmax(H,2); lib.mm(S,D); S@D; S@D[:,0]
lib.mv(S,D[:,0]); S.matmul(D); lib.sparse.mm(S,D); lib.sparse.mm(U,D); S@S.t(); lib.sparse.mm(S,S.t())
lib.mm(S,S.t()); lib.mm(lib.ones(2,2),S); lib.ones(2,2)@S; lib.sparse.mm(lib.ones(2,2),S)
lib.sparse.addmm(lib.ones(2,2),S,D); lib.sparse.addmm(lib.ones(2,2),S,D,beta=2,alpha=3)
lib.addmm(lib.ones(2,2),S,D); lib.addmm(lib.ones(2,2),S,D,beta=.5,alpha=2); lib.spmm(S,D); lib.dsmm(S,D)
lib.smm(S,D); lib.hspmm(S,D); S.smm(D); lib.sspaddmm(S,lib.eye(2).to_sparse(),E); E+S; E-S; S+E; S+1; S*E; E*S
E.sparse_mask(S); U.sparse_mask(S); S.norm(); S.mean(); S.max(); S.numel(); len(S); S.tolist(); S.numpy(); S.exp()
S.cos(); S.view(6); S.reshape(3,2); S==S; S>0; S.nonzero(); S.stride(); S.is_contiguous(); S.data_ptr(); S.storage()
S.contiguous(); S.type(); S.bmm(S); S.dim(); lib.zeros_like(S); lib.ones_like(S); lib.empty_like(S)
lib.rand_like(S); S.new_zeros(2); S.any(); S.isnan(); S.isinf(); S.floor(); S.sign(); S.log1p(); S.expm1(); S.tanh()
S.sigmoid(); S.flatten(); S.unbind(0); S.chunk(2); S.expand(2,2,3); S.trunc(); S.nan_to_num()
S.broadcast_to((2,2,3)); S.mul(2); S.div(2); S.floor_divide(2); S.add(S,alpha=3); S.sub(S); S.fill_(0); S.item()
S[lib.tensor([0])]; S[0:1]; list(S); S.to_sparse(); S.to_sparse(1); S.to_sparse_csr(); S.square(); S.to_sparse_csc()
S.real; S.conj(); S.erf(); S.rad2deg(); S.prod(); S.amax(); S.zero_(); S.abs_(); S.neg_(); S.add_(S); S.mul_(S)
S.div_(2); S.sub_(S); E.add_(S); E.add_(S,alpha=2); E.sub_(S); E.mul_(S); S.copy_(S*2); U.add_(U,alpha=2)
S.element_size(); S.is_sparse; S.is_sparse_csr; S.layout; S.sparse_dim(); S.dense_dim(); S._nnz(); S.is_coalesced()
U.is_coalesced(); (S*2).is_coalesced(); S.t().is_coalesced(); S.requires_grad; S.nbytes; S.squeeze(0)
lib.nn.functional.relu(S); lib.nn.functional.linear(lib.ones(2,3),S); lib.nn.functional.linear(S,lib.ones(4,3)); H
H.coalesce(); H.to_dense(); H.sum(2); H.sum(1); H.sum((0,1)); H*2; H[0]; H.select(2,1); H.select(1,2); H.abs()
H.t(); H.transpose(0,1); H.transpose(1,2); H.unsqueeze(3); H.index_select(2,lib.tensor([1])); H.sparse_dim()
H.dense_dim(); lib.cat([H,H],0); lib.sparse.sum(H); lib.sparse.sum(H,0); lib.sparse.sum(H,(0,1))
lib.sparse.sum(H,2); lib.sparse.sum(S,dim=0,dtype=lib.float64); lib.sparse.sum(lib.ones(2))
lib.sparse.softmax(lib.ones(2),0); S.long().sum(); lib.sparse.mm(S,lib.ones(2,2)); lib.sparse.mm(S,lib.ones(3))
lib.eye(2).indices(); lib.eye(2).values(); S*lib.tensor(2.); lib.eye(2).coalesce(); lib.eye(2).is_coalesced()
lib.eye(2).sparse_dim(); lib.eye(2).dense_dim(); S.crow_indices(); lib.eye(2).crow_indices(); lib.eye(2)._nnz()
E.sparse_mask(E); E.sparse_mask(S.t()); lib.zeros(2,3).copy_(S); S.sparse_resize_((3,3),2,0)
S.sparse_resize_((1,1),2,0); S.sparse_resize_and_clear_((3,4),1,1); U._coalesced_(True)
S.sparse_resize_((2,3,2),2,1); S.resize_as_(S); lib.tensor(3.).to_sparse(); E.to_sparse(); E.to_sparse(1)
E.to_sparse(3); E.to_sparse(-1); lib.zeros(2,3).to_sparse(); lib.zeros(0,3).to_sparse()
lib.eye(3).to_sparse(layout=lib.sparse_csr); lib.empty((2,3),layout=lib.sparse_coo)
lib.zeros((2,3),layout=lib.sparse_coo); lib.ones((2,3),layout=lib.sparse_coo)
lib.sparse.spdiags(lib.arange(9.).reshape(3,3),lib.tensor([0,-1,2]),(3,3)); (S+0j).conj(); lib.sparse.mm(S+0j,D+1j)
lib.sparse.spdiags(lib.ones(2,3),lib.tensor([0,1]),(3,3),layout=lib.sparse_csr); S.is_same_size(E)
S.share_memory_()
"""

COMPRESSED = """
{c}; {c}.to_dense(); {c}@F; F.t()@{c}; {c}@F[:,0]; lib.mm({c},F); lib.sparse.mm({c},F)
lib.addmm(lib.ones(4,2),{c},F); {c}.abs(); -{c}; {c}.sin(); {c}.sqrt(); {c}.relu(); {c}*2; 2*{c}; {c}*{c}; {c}+{c}
{c}.sum(); {c}.t(); {c}.transpose(0,1); {c}[0]; {c}[0,1]; {c}[:,1]; {c}.select(1,1); {c}.clone(); {c}.detach()
{c}.double(); {c}.int(); {c}.bool(); {c}.values(); {c}.crow_indices(); {c}.col_indices(); {c}.ccol_indices()
{c}.row_indices(); {c}.indices(); {c}._nnz(); {c}.is_sparse; {c}.is_sparse_csr; {c}.layout; {c}.sparse_dim()
{c}.dense_dim(); {c}.is_coalesced(); {c}.coalesce(); lib.zeros_like({c}); {c}.numel(); len({c}); {c}.stride()
{c}.is_contiguous(); {c}.numpy(); {c}.neg_(); {c}.mul_(2); {c}.zero_(); {c}.fill_(0); {c}.copy_({c}*2)
A.sparse_mask({c}); {c}.isnan(); {c}.erf(); {c}.sgn(); {c}.tan(); lib.ones_like({c}); {c}.requires_grad
"""
MORE = """
csr.to_sparse(); csr.to_sparse_csc(); csr.to_sparse_bsr((2,2)); csr.to_sparse_csr(); csc.to_sparse_csr(); csr+A
A+csr; csr*A; A*csr; csr.sum(0,keepdim=True); csr.sum(1,keepdim=True); csr.sum(0); csr.add(csr,alpha=2)
lib.sparse.addmm(lib.ones(4,2),csr,F); lib.sparse.mm(csr,F,reduce="sum"); lib.sparse.mm(csr,F,"mean")
lib.sparse.mm(csr,F,"amax"); lib.sparse.mm(csr,F,"amin"); lib.sparse.mm(S,D,reduce="sum")
lib.sparse.sampled_addmm(csr,F,F.t()); lib.sparse.sampled_addmm(csr,F,F.t(),beta=.5,alpha=2)
lib.sparse.sampled_addmm(S,D,D); lib.sparse.sampled_addmm(A,F,F.t()); csr.to_sparse(1)
lib.sparse.spsolve(csr,F[:,0]); batch; batch.to_dense(); batch*2; batch.sum(); batch[0]; batch.transpose(1,2)
batch.abs(); lib.ones(3).requires_grad
lib.sparse_csr_tensor(lib.tensor([0,1,3]),lib.tensor([2,0,2]),lib.ones(3,2),(2,3,2)).to_dense()
lib.eye(3).to_sparse_bsr(2)
lib.sparse_csr_tensor(lib.tensor([0,1,3]).int(),lib.tensor([2,0,2]).int(),lib.ones(3),(2,3))
lib.eye(4).to_sparse_bsr(2); lib.sparse_csr_tensor([0,1,3],[2,0,2],[1.,2,3])
lib.sparse_csc_tensor([0,1,1,3],[1,0,1],[1.,2,3],(2,3)); lib.sparse_bsr_tensor([0,1,2],[0,1],lib.ones(2,2,2),(4,4))
lib.sparse_bsc_tensor([0,1,2],[0,1],lib.ones(2,2,2),(4,4))
lib.sparse_csr_tensor([0,1,3],[2,0,2],[1.,2],(2,3),check_invariants=True); lib.zeros((2,3),layout=lib.sparse_csr)
lib.sparse_csr_tensor([0,1],[2,0,2],[1.,2,3],(2,3),check_invariants=True); lib.zeros(0,3).to_sparse_csr()
lib.sparse_csr_tensor([1,1,3],[2,0,2],[1.,2,3],(2,3),check_invariants=True); lib.zeros(2,3).to_sparse_csr()
lib.sparse_csr_tensor([0,2,1],[2,0,2],[1.,2,3],(2,3),check_invariants=True); lib.eye(3).to_sparse_bsr((2,2))
lib.sparse_csr_tensor([0,1,3],[2,2,0],[1.,2,3],(2,3),check_invariants=True)
lib.sparse_csr_tensor([0,1,3],[2,-1,2],[1.,2,3],(2,3),check_invariants=True)
lib.sparse_csr_tensor([0,1,3],[2,0],[1.,2,3],(2,3),check_invariants=True)
lib.sparse_csr_tensor([0,1,3],[2,0,2],[1.,2,3],(2,),check_invariants=True)
lib.sparse_bsr_tensor([0,1,2],[0,1],lib.ones(2,2,2),(4,5),check_invariants=True)
lib.sparse_csc_tensor([0,1,3],[2,0,2],[1.,2,3],(2,2),check_invariants=True)
lib.sparse_compressed_tensor(lib.tensor([0,1,3]),lib.tensor([2,0,2]),v[:3],(2,3),layout=lib.sparse_csr)
lib.sparse_compressed_tensor(lib.tensor([0,1,3]),lib.tensor([2,0,2]),v[:3],(2,3))
"""
CONSTRUCTORS = """
sc(i,v); sc(i,v,(2,3)); sc(i,v,(2,2)); sc(i,v[:2],(2,3)); sc(i.float(),v,(2,3)); sc((2,3)); sc(size=(2,3)); sc(-i,v)
sc([[0,1],[1,0]],[1,2]); sc([[0,1],[1,0]],[1.,2],(2,2),dtype=lib.float64); sc(i,v.view(4,1),(2,3)); sc(i,v,(2,3,4))
sc(i,v.view(4,1),(2,3,1)); sc(i,v,(2,3),is_coalesced=True); sc(i,v,(2,3),requires_grad=True); sc(i,v,(2,))
sc(i,v,(2,3),device="cpu"); sc(i.int(),v,(2,3))._indices().dtype; sc(lib.tensor([0,1]),v[:2],(2,)); sc(sc(i,v))
sc(i,lib.tensor(3.),(2,3)); sc(lib.empty(2,0,dtype=lib.long),lib.empty(0),(2,3))
sc(i,v,(2,2),check_invariants=True); sc(lib.empty(0,1,dtype=lib.long),lib.tensor([3.]),())
sc(-i,v,(2,3),check_invariants=True); sc(i,v,(2,3),is_coalesced=True,check_invariants=True)
lib.sparse.FloatTensor(i,v,lib.Size([2,3])); lib.sparse.FloatTensor(2,3); lib.sparse.DoubleTensor(i,v.double())
lib.sparse.LongTensor(i,v.long(),lib.Size([2,3])); lib.sparse.FloatTensor(); isinstance(S,lib.sparse.FloatTensor)
isinstance(S,lib.Tensor); isinstance(S,lib.sparse.DoubleTensor); isinstance(E,lib.sparse.FloatTensor)
type(S) is lib.Tensor; lib.is_tensor(S)
"""


def expressions(text):
    return [part.strip() for line in text.strip().splitlines() for part in line.split("; ") if part.strip()]
