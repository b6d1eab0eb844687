# What the compiled core asks of the interpreter directly, because the way over Python costs more than an operation.
cdef extern from *:
    """
    #include <frameobject.h>

    /* The code of the innermost Python frame whose file does not begin with `root`, and the instruction it is at. */
    static PyObject *wengert_outside = NULL; /* the code found last: most calls in a row come from one function */
    static CYTHON_INLINE PyObject *wengert_user_code(PyObject *root, int *lasti) {
        PyFrameObject *frame = PyEval_GetFrame(), *back;
        PyCodeObject *code;
        *lasti = 0;
        if (frame == NULL) Py_RETURN_NONE;
        Py_INCREF(frame);
        for (;;) {
            code = PyFrame_GetCode(frame);
            if ((PyObject *) code == wengert_outside) break;
            back = NULL;
            if (PyUnicode_Tailmatch(code->co_filename, root, 0, PY_SSIZE_T_MAX, -1) == 1) back = PyFrame_GetBack(frame);
            if (back == NULL) {
                Py_INCREF(code);
                Py_XSETREF(wengert_outside, (PyObject *) code);
                break;
            }
            Py_DECREF(code);
            Py_DECREF(frame);
            frame = back;
        }
        *lasti = PyFrame_GetLasti(frame);
        Py_DECREF(frame);
        return (PyObject *) code;
    }

    /* The value of a context variable. */
    static CYTHON_INLINE PyObject *wengert_mode(PyObject *variable) {
        PyObject *value = NULL;
        if (PyContextVar_Get(variable, NULL, &value) < 0) return NULL;
        return value;
    }

    /* An instance of `cls`, a subclass of the compiled class `base`, without running any `__new__` of Python.

       The compiled class makes a dict for the attributes of every instance.  Few tensors have any, and the dict costs
       as much as an operation; so where `base` has room for one the new instance is copied from a first one, without
       it: attribute access makes it on demand. */
    static PyObject *wengert_no_arguments = NULL, *wengert_first = NULL, *wengert_first_base = NULL;
    static Py_ssize_t wengert_nones = 0;
    static CYTHON_INLINE PyObject *wengert_made_anew(PyObject *cls) {
        if (wengert_no_arguments == NULL) {
            wengert_no_arguments = PyTuple_New(0);
            if (wengert_no_arguments == NULL) return NULL;
        }
        /* Classes of Python leave the making to the compiled class that they derive from. */
        PyTypeObject *maker = (PyTypeObject *) cls;
        while (PyType_HasFeature(maker, Py_TPFLAGS_HEAPTYPE)) maker = maker->tp_base;
        return maker->tp_new((PyTypeObject *) cls, wengert_no_arguments, NULL);
    }
    static int wengert_begin(PyObject *base) {
        Py_ssize_t words = ((PyTypeObject *) base)->tp_basicsize / (Py_ssize_t) sizeof(PyObject *);
        PyObject **fields;
        wengert_first = wengert_made_anew(base);
        if (wengert_first == NULL) return -1;
        fields = (PyObject **) wengert_first;
        wengert_nones = 0;
        for (Py_ssize_t i = sizeof(PyObject) / sizeof(PyObject *); i < words; i++) wengert_nones += fields[i] == Py_None;
        wengert_first_base = base;
        return 0;
    }
    static CYTHON_INLINE PyObject *wengert_made(PyObject *base, PyObject *cls) {
        PyTypeObject *type = (PyTypeObject *) cls, *above = (PyTypeObject *) base;
        PyObject *out;
        if (!PyType_Check(cls) || !PyType_IsSubtype(type, above)) {
            PyErr_Format(PyExc_TypeError, "%R is no subclass of %R", cls, base);
            return NULL;
        }
        if (above->tp_dictoffset <= 0 || type->tp_dictoffset != above->tp_dictoffset) return wengert_made_anew(cls);
        if (wengert_first_base != base && (wengert_first_base != NULL || wengert_begin(base) < 0))
            return wengert_first_base == NULL ? NULL : wengert_made_anew(cls);
        out = type->tp_alloc(type, 0);
        if (out == NULL) return NULL;
        memcpy((char *) out + sizeof(PyObject), (char *) wengert_first + sizeof(PyObject), above->tp_basicsize - sizeof(PyObject));
        *(PyObject **) ((char *) out + above->tp_dictoffset) = NULL;
        for (Py_ssize_t i = 0; i < wengert_nones; i++) Py_INCREF(Py_None);
        return out;
    }

    /* Give a class of Python the C slots of arithmetic of the compiled class that it derives from. */
    static CYTHON_INLINE int wengert_adopt(PyObject *cls, PyObject *base) {
        PyNumberMethods *to = ((PyTypeObject *) cls)->tp_as_number, *from = ((PyTypeObject *) base)->tp_as_number;
        if (to == NULL || from == NULL) return 0;
        to->nb_multiply = from->nb_multiply;
        to->nb_add = from->nb_add;
        to->nb_subtract = from->nb_subtract;
        to->nb_true_divide = from->nb_true_divide;
        to->nb_matrix_multiply = from->nb_matrix_multiply;
        PyType_Modified((PyTypeObject *) cls);
        return 0;
    }

    /* Set a context variable; the token undoes it. */
    static CYTHON_INLINE PyObject *wengert_enter(PyObject *variable, PyObject *value) {
        return PyContextVar_Set(variable, value);
    }
    static CYTHON_INLINE int wengert_leave(PyObject *variable, PyObject *token) {
        return PyContextVar_Reset(variable, token);
    }

    static long long wengert_last_number = 0;
    static CYTHON_INLINE long long wengert_next(void) { return ++wengert_last_number; }
    static CYTHON_INLINE long long wengert_references(PyObject *value) { return (long long) Py_REFCNT(value); }
    """
    object user_code "wengert_user_code"(object root, int *lasti)
    int adopt "wengert_adopt"(object cls, object base) except -1
    object enter_context "wengert_enter"(object variable, object value)
    int leave_context "wengert_leave"(object variable, object token) except -1
    object mode_of "wengert_mode"(object variable)
    object made "wengert_made"(object base, object cls)
    long long next_number "wengert_next"()
    long long references "wengert_references"(object value)
