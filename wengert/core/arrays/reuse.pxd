# Small arrays whose owner is gone, kept for the next result of their shape: making and freeing an array costs NumPy
# several times what computing a few elements does.  Only small.py includes this, so that there is one shelf.
cimport numpy as cnp
from cpython.object cimport PyObject

cdef extern from *:
    """
    #define WENGERT_SHELVES 64
    #define WENGERT_DEPTH 16
    #define WENGERT_LARGEST 256 /* elements */

    /* Arrays of one type and shape. */
    static struct { int type, nd, count; npy_intp dims[2]; PyObject *arrays[WENGERT_DEPTH]; } wengert_shelves[WENGERT_SHELVES];

    static CYTHON_INLINE int wengert_shelf(int type, int nd, const npy_intp *dims) {
        npy_intp place = type + 5 * nd + (nd > 0 ? 7 * dims[0] : 0) + (nd > 1 ? 31 * dims[1] : 0);
        return (int) (place & (WENGERT_SHELVES - 1));
    }
    static CYTHON_INLINE int wengert_labelled(int shelf, int type, int nd, const npy_intp *dims) {
        return wengert_shelves[shelf].type == type && wengert_shelves[shelf].nd == nd
            && (nd < 1 || wengert_shelves[shelf].dims[0] == dims[0])
            && (nd < 2 || wengert_shelves[shelf].dims[1] == dims[1]);
    }

    /* Memory of a shape and type, not filled. */
    static CYTHON_INLINE PyObject *wengert_room(int nd, const npy_intp *dims, int type) {
        if (nd <= 2) {
            int shelf = wengert_shelf(type, nd, dims);
            if (wengert_shelves[shelf].count && wengert_labelled(shelf, type, nd, dims))
                return wengert_shelves[shelf].arrays[--wengert_shelves[shelf].count];
        }
        return PyArray_EMPTY(nd, (npy_intp *) dims, type, 0);
    }

    /* Put an array away if its only owner, about to let go of it, is the caller. */
    static CYTHON_INLINE void wengert_put(PyObject *array) {
        PyArrayObject *a = (PyArrayObject *) array;
        const int plain = NPY_ARRAY_OWNDATA | NPY_ARRAY_CARRAY;
        int type, nd, shelf;
        if (Py_REFCNT(array) != 1 || !PyArray_CheckExact(array)) return;
        type = PyArray_TYPE(a);
        nd = PyArray_NDIM(a);
        if ((type != NPY_FLOAT && type != NPY_DOUBLE) || nd > 2 || (PyArray_FLAGS(a) & plain) != plain
            || !PyArray_ISNOTSWAPPED(a) || PyArray_SIZE(a) > WENGERT_LARGEST || PyArray_SIZE(a) < 1
            || PyArray_BASE(a) != NULL || ((PyArrayObject_fields *) a)->weakreflist != NULL) return;
        shelf = wengert_shelf(type, nd, PyArray_DIMS(a));
        if (!wengert_labelled(shelf, type, nd, PyArray_DIMS(a))) {
            while (wengert_shelves[shelf].count) Py_DECREF(wengert_shelves[shelf].arrays[--wengert_shelves[shelf].count]);
            wengert_shelves[shelf].type = type;
            wengert_shelves[shelf].nd = nd;
            if (nd > 0) wengert_shelves[shelf].dims[0] = PyArray_DIM(a, 0);
            if (nd > 1) wengert_shelves[shelf].dims[1] = PyArray_DIM(a, 1);
        }
        if (wengert_shelves[shelf].count == WENGERT_DEPTH) return;
        Py_INCREF(array);
        wengert_shelves[shelf].arrays[wengert_shelves[shelf].count++] = array;
    }
    """
    object wengert_room(int nd, const cnp.npy_intp *dims, int type)
    void wengert_put(PyObject *array)
