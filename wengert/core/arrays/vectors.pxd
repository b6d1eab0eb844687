# Loops over contiguous float32 and float64 arrays that the compiler turns into vectors, for the modules of loops.
# What is computed for an element, and in what order elements are added up, is NumPy's.
cimport numpy as cnp

cdef extern from *:
    """
    #include <math.h>
    #include <string.h>

    /* On x86 with glibc each function is there twice, for AVX2 and for any processor; which one runs is found out when
       the module is loaded.  Elsewhere the compiler's own vectors have to do. */
    #if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
    #define WENGERT_VECTORS static __attribute__((unused, noinline, optimize("O3", "no-trapping-math"), \
                                                  target_clones("avx2", "default")))
    #elif defined(__GNUC__) && !defined(__clang__)
    #define WENGERT_VECTORS static __attribute__((unused, noinline, optimize("O3", "no-trapping-math")))
    #else
    #define WENGERT_VECTORS static CYTHON_UNUSED
    #endif
    /* A result stands apart from its operands, or just where one of them does. */
    #if defined(__clang__)
    #define WENGERT_APART _Pragma("clang loop vectorize(assume_safety)")
    #elif defined(__GNUC__)
    #define WENGERT_APART _Pragma("GCC ivdep")
    #else
    #define WENGERT_APART
    #endif

    enum {
        WENGERT_ADD, WENGERT_SUBTRACT, WENGERT_MULTIPLY, WENGERT_DIVIDE, WENGERT_MAXIMUM, WENGERT_MINIMUM,
        WENGERT_TANH_SLOPE, WENGERT_RELU_SLOPE, WENGERT_EQUAL, WENGERT_UNEQUAL, WENGERT_LESS, WENGERT_LESS_EQUAL,
        WENGERT_GREATER, WENGERT_GREATER_EQUAL, WENGERT_RELU, WENGERT_NEGATE, WENGERT_ABS, WENGERT_SQRT, WENGERT_RSQRT,
        WENGERT_SQUARE, WENGERT_CUBE, WENGERT_RECIPROCAL, WENGERT_CLIP, WENGERT_RAISE, WENGERT_LOWER,
        WENGERT_LEAKY, WENGERT_FLOOR, WENGERT_CEIL, WENGERT_TRUNC, WENGERT_ROUND, WENGERT_FROM, WENGERT_SIGN,
        WENGERT_AND, WENGERT_OR, WENGERT_XOR
    };

    /* The larger, the smaller: nan wins, and y where both are zeros. */
    #define WENGERT_RAISED(x, y) (((x) > (y)) | ((x) != (x)) ? (x) : (y))
    #define WENGERT_LOWERED(x, y) (((x) < (y)) | ((x) != (x)) ? (x) : (y))

    #define WENGERT_PRODUCT(x, y) ((x) * (y))
    #define WENGERT_LARGER(x, y) ((x) > (y) ? (x) : (y))
    #define WENGERT_SMALLER(x, y) ((x) < (y) ? (x) : (y))

    #define WENGERT_PAIRS(name, value) \
        case WENGERT_##name: \
            WENGERT_APART for (j = 0; j < step; j++) { x = a[i + j]; y = b[j]; r[i + j] = value; } \
            break;
    #define WENGERT_ONES(name, first, value) \
        case WENGERT_##name: WENGERT_APART for (i = 0; i < n; i++) { x = a[i]; y = first; r[i] = value; } break;
    #define WENGERT_TESTS(name, sign) \
        case WENGERT_##name: \
            if (b) { WENGERT_APART for (i = 0; i < n; i++) r[i] = a[i] sign b[i]; } \
            else { WENGERT_APART for (i = 0; i < n; i++) r[i] = a[i] sign c; } \
            break;
    #define WENGERT_ALL_TESTS \
        WENGERT_TESTS(EQUAL, ==) \
        WENGERT_TESTS(UNEQUAL, !=) \
        WENGERT_TESTS(LESS, <) \
        WENGERT_TESTS(LESS_EQUAL, <=) \
        WENGERT_TESTS(GREATER, >) \
        WENGERT_TESTS(GREATER_EQUAL, >=)
    #define WENGERT_COLUMNS(name, value) \
        case WENGERT_##name: \
            for (; j + 32 <= n; j += 32) { \
                for (k = 0; k < 32; k++) s[k] = a[j + k]; \
                for (i = 1; i < m; i++) \
                    for (k = 0; k < 32; k++) { y = s[k]; x = a[i * n + j + k]; s[k] = value; } \
                for (k = 0; k < 32; k++) r[j + k] = s[k]; \
            } \
            for (k = j; k < n; k++) r[k] = a[k]; \
            for (i = 1; i < m; i++) { \
                WENGERT_APART for (k = j; k < n; k++) { y = r[k]; x = a[i * n + k]; r[k] = value; } \
            } \
            break;

    #define WENGERT_FIRST(count) \
        if (op == WENGERT_MAXIMUM) for (k = 0; k < count; k++) { WENGERT_BETTER(>) } \
        else for (k = 0; k < count; k++) { WENGERT_BETTER(<) }
    #define WENGERT_BETTER(sign) \
        x = p[k]; \
        at[k] = (x sign s[k]) | ((x != x) & (s[k] == s[k])) ? i : at[k]; \
        s[k] = (x sign s[k]) | ((x != x) & (s[k] == s[k])) ? x : s[k];

    #define WENGERT_LANES(better) \
        wide = n < 64 ? 8 : 32; \
        for (k = 0; k < wide; k++) s[k] = a[k]; \
        i = wide; \
        if (wide == 8) for (; i + 8 <= n; i += 8) for (k = 0; k < 8; k++) s[k] = better(s[k], a[i + k]); \
        else for (; i + 32 <= n; i += 32) for (k = 0; k < 32; k++) s[k] = better(s[k], a[i + k]); \
        if (wide == 32) { \
            for (k = 0; k < 16; k++) s[k] = better(s[k], s[k + 16]); \
            for (k = 0; k < 8; k++) s[k] = better(s[k], s[k + 8]); \
        } \
        for (k = 0; k < 4; k++) s[k] = better(s[k], s[k + 4]); \
        for (k = 0; k < 2; k++) s[k] = better(s[k], s[k + 2]); \
        s[0] = better(s[0], s[1]);

    /* wengert_pieces: the sums of `count` pieces of 8 to 128 elements that follow each other and begin at `starts`, in
       NumPy's order; several at a time, because each addition waits for the one before. */
    #if defined(__GNUC__)
    #define WENGERT_PIECES(T, S) \
        typedef T wengert_vector_##S __attribute__((vector_size(32), aligned(sizeof(T)), may_alias)); \
        WENGERT_VECTORS void wengert_pieces_##S(const T *a, const Py_ssize_t *starts, Py_ssize_t count, T *sums) { \
            typedef const wengert_vector_##S *vector; \
            enum { WIDTH = 32 / sizeof(T), HALVES = 8 / WIDTH }; \
            Py_ssize_t i, k, q, from, least, n[4]; const T *p[4]; \
            for (from = 0; from < count; from += 4) { \
                wengert_vector_##S s[4][HALVES], s0[HALVES], s1[HALVES], s2[HALVES], s3[HALVES]; \
                least = 128; \
                for (q = 0; q < 4; q++) { \
                    k = from + q < count ? from + q : count - 1; \
                    p[q] = a + starts[k]; \
                    n[q] = starts[k + 1] - starts[k]; \
                    if (n[q] - n[q] % 8 < least) least = n[q] - n[q] % 8; \
                } \
                for (k = 0; k < HALVES; k++) { \
                    s0[k] = *(vector) (p[0] + k * WIDTH); s1[k] = *(vector) (p[1] + k * WIDTH); \
                    s2[k] = *(vector) (p[2] + k * WIDTH); s3[k] = *(vector) (p[3] + k * WIDTH); \
                } \
                for (i = 8; i < least; i += 8) \
                    for (k = 0; k < HALVES; k++) { \
                        s0[k] += *(vector) (p[0] + i + k * WIDTH); \
                        s1[k] += *(vector) (p[1] + i + k * WIDTH); \
                        s2[k] += *(vector) (p[2] + i + k * WIDTH); \
                        s3[k] += *(vector) (p[3] + i + k * WIDTH); \
                    } \
                for (k = 0; k < HALVES; k++) { s[0][k] = s0[k]; s[1][k] = s1[k]; s[2][k] = s2[k]; s[3][k] = s3[k]; } \
                for (q = 0; q < 4 && from + q < count; q++) { \
                    T r[8], x; \
                    for (i = least; i < n[q] - n[q] % 8; i += 8) \
                        for (k = 0; k < HALVES; k++) s[q][k] += *(vector) (p[q] + i + k * WIDTH); \
                    for (k = 0; k < 8; k++) r[k] = s[q][k / WIDTH][k % WIDTH]; \
                    x = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7])); \
                    for (; i < n[q]; i++) x += p[q][i]; \
                    sums[from + q] = x; \
                } \
            } \
        }
    #else
    #define WENGERT_PIECES(T, S) \
        static void wengert_pieces_##S(const T *a, const Py_ssize_t *starts, Py_ssize_t count, T *sums) { \
            Py_ssize_t i, k, q, n; \
            for (q = 0; q < count; q++) { \
                const T *p = a + starts[q]; T r[8], x; \
                n = starts[q + 1] - starts[q]; \
                for (k = 0; k < 8; k++) r[k] = p[k]; \
                for (i = 8; i < n - n % 8; i += 8) for (k = 0; k < 8; k++) r[k] += p[i + k]; \
                x = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7])); \
                for (; i < n; i++) x += p[i]; \
                sums[q] = x; \
            } \
        }
    #endif

    /* Where the pieces of a sum of n elements begin, as NumPy cuts it; how many there are by then. */
    static CYTHON_UNUSED Py_ssize_t wengert_split(Py_ssize_t start, Py_ssize_t n, Py_ssize_t *starts,
                                                  Py_ssize_t count) {
        Py_ssize_t half = n / 2 - n / 2 % 8;
        if (n > 128) return wengert_split(start + half, n - half, starts, wengert_split(start, half, starts, count));
        starts[count] = start;
        return count + 1;
    }

    #define WENGERT_LOOPS(T, S, I, F) \
        /* r = a (op) b; b has `step` elements, which repeat along a. */ \
        WENGERT_VECTORS void wengert_pairs_##S(int op, const T *a, const T *b, T *r, Py_ssize_t n, Py_ssize_t step) { \
            Py_ssize_t i, j; T x, y; \
            for (i = 0; i < n; i += step) switch (op) { \
                WENGERT_PAIRS(ADD, x + y) \
                WENGERT_PAIRS(SUBTRACT, x - y) \
                WENGERT_PAIRS(MULTIPLY, x * y) \
                WENGERT_PAIRS(DIVIDE, x / y) \
                WENGERT_PAIRS(MAXIMUM, WENGERT_RAISED(x, y)) \
                WENGERT_PAIRS(MINIMUM, WENGERT_LOWERED(x, y)) \
                WENGERT_PAIRS(TANH_SLOPE, x * (1 - y * y)) \
                WENGERT_PAIRS(RELU_SLOPE, y <= 0 ? 0 : x) \
            } \
        } \
        /* r = a function of a and the numbers c and d. */ \
        WENGERT_VECTORS void wengert_ones_##S(int op, const T *a, T c, T d, T *r, Py_ssize_t n) { \
            Py_ssize_t i; T x, y; \
            switch (op) { \
                WENGERT_ONES(ADD, 0, x + c) \
                WENGERT_ONES(SUBTRACT, 0, x - c) \
                WENGERT_ONES(MULTIPLY, 0, x * c) \
                WENGERT_ONES(DIVIDE, 0, x / c) \
                WENGERT_ONES(RELU, 0, x <= 0 ? 0 : x) \
                WENGERT_ONES(NEGATE, 0, -x) \
                WENGERT_ONES(ABS, 0, F(fabs)(x)) \
                WENGERT_ONES(SQRT, 0, F(sqrt)(x)) \
                WENGERT_ONES(RSQRT, 0, 1 / F(sqrt)(x)) \
                WENGERT_ONES(SQUARE, 0, x * x) \
                WENGERT_ONES(CUBE, 0, x * x * x) \
                WENGERT_ONES(RECIPROCAL, 0, 1 / x) \
                WENGERT_ONES(CLIP, x <= c ? c : x, y >= d ? d : y) \
                WENGERT_ONES(RAISE, 0, WENGERT_RAISED(x, c)) \
                WENGERT_ONES(LOWER, 0, WENGERT_LOWERED(x, c)) \
                WENGERT_ONES(LEAKY, x * c, x > 0 ? x : y) \
                WENGERT_ONES(FLOOR, 0, F(floor)(x)) \
                WENGERT_ONES(CEIL, 0, F(ceil)(x)) \
                WENGERT_ONES(TRUNC, 0, F(trunc)(x)) \
                WENGERT_ONES(ROUND, 0, F(rint)(x)) \
                WENGERT_ONES(FROM, 0, c - d * x) \
                WENGERT_ONES(SIGN, 0, (T) ((x > 0) - (x < 0))) \
            } \
        } \
        /* r = a + c b. */ \
        WENGERT_VECTORS void wengert_scaled_##S(const T *a, const T *b, T c, T *r, Py_ssize_t n) { \
            Py_ssize_t i; T x, y; \
            WENGERT_APART for (i = 0; i < n; i++) { x = a[i]; y = c * b[i]; r[i] = x + y; } \
        } \
        /* r = a compared with b, or with c where there is no b. */ \
        WENGERT_VECTORS void wengert_tests_##S(int op, const T *a, const T *b, T c, npy_bool *r, Py_ssize_t n) { \
            Py_ssize_t i; \
            switch (op) { WENGERT_ALL_TESTS } \
        } \
        /* r = a, or c where there is no a, where k holds, else b or d. */ \
        WENGERT_VECTORS void wengert_choices_##S(const npy_bool *k, const T *a, const T *b, T c, T d, T *r, \
                                                 Py_ssize_t n) { \
            Py_ssize_t i; T x, y; \
            if (a && b) { WENGERT_APART for (i = 0; i < n; i++) { x = a[i]; y = b[i]; r[i] = k[i] ? x : y; } } \
            else if (a) { WENGERT_APART for (i = 0; i < n; i++) { x = a[i]; r[i] = k[i] ? x : d; } } \
            else if (b) { WENGERT_APART for (i = 0; i < n; i++) { y = b[i]; r[i] = k[i] ? c : y; } } \
            else { WENGERT_APART for (i = 0; i < n; i++) r[i] = k[i] ? c : d; } \
        } \
        WENGERT_PIECES(T, S) \
        static T wengert_joined_##S(Py_ssize_t n, const T **sums) { \
            Py_ssize_t half = n / 2 - n / 2 % 8; T first; \
            if (n <= 128) return *(*sums)++; \
            first = wengert_joined_##S(half, sums); \
            return first + wengert_joined_##S(n - half, sums); \
        } \
        /* r = the sums of m rows of n elements, in NumPy's order. */ \
        static CYTHON_UNUSED void wengert_sums_##S(const T *a, T *r, Py_ssize_t m, Py_ssize_t n) { \
            Py_ssize_t starts[513], i, j, count; T sums[512], s; const T *next; \
            if (n < 8) { \
                for (i = 0; i < m; i++) { s = (T) -0.0; for (j = 0; j < n; j++) s += a[i * n + j]; r[i] = s; } \
            } else if (n > 128 * 256) { \
                for (i = 0; i < m; i++) { \
                    j = n / 2 - n / 2 % 8; \
                    wengert_sums_##S(a + i * n, &s, 1, j); \
                    wengert_sums_##S(a + i * n + j, r + i, 1, n - j); \
                    r[i] = s + r[i]; \
                } \
            } else for (i = 0; i < m; i = j) { \
                count = 0; \
                for (j = i; j < m && (j == i || count + n / 64 < 512); j++) \
                    count = wengert_split(j * n, n, starts, count); \
                starts[count] = j * n; \
                wengert_pieces_##S(a, starts, count, sums); \
                next = sums; \
                for (; i < j; i++) r[i] = wengert_joined_##S(n, &next); \
            } \
        } \
        /* r = the sums, products or extrema of the columns of m rows. */ \
        WENGERT_VECTORS void wengert_columns_##S(int op, const T *a, T *r, Py_ssize_t m, Py_ssize_t n) { \
            Py_ssize_t i, j = 0, k; T s[32], x, y; \
            switch (op) { \
                WENGERT_COLUMNS(ADD, y + x) \
                WENGERT_COLUMNS(MULTIPLY, y * x) \
                WENGERT_COLUMNS(MAXIMUM, WENGERT_RAISED(y, x)) \
                WENGERT_COLUMNS(MINIMUM, WENGERT_LOWERED(y, x)) \
            } \
        } \
        /* The product, the largest or smallest of n elements; a nan is both. */ \
        WENGERT_VECTORS T wengert_extreme_##S(int op, const T *a, Py_ssize_t n) { \
            Py_ssize_t i = 1, k, wide; T s[32], found = a[0]; \
            if (n >= 16) { \
                if (op == WENGERT_MAXIMUM) { WENGERT_LANES(WENGERT_RAISED) } \
                else if (op == WENGERT_MINIMUM) { WENGERT_LANES(WENGERT_LOWERED) } \
                else { WENGERT_LANES(WENGERT_PRODUCT) } \
                found = s[0]; \
            } \
            if (op == WENGERT_MULTIPLY) for (; i < n; i++) found *= a[i]; \
            else if (op == WENGERT_MAXIMUM) for (; i < n; i++) found = WENGERT_RAISED(found, a[i]); \
            else for (; i < n; i++) found = WENGERT_LOWERED(found, a[i]); \
            return found; \
        } \
        /* r = where the first of the largest or smallest elements of columns of m rows are. */ \
        WENGERT_VECTORS void wengert_column_places_##S(int op, const T *a, npy_int64 *r, Py_ssize_t m, Py_ssize_t n) { \
            Py_ssize_t j, k, wide; I i, at[32]; T s[32], x; \
            for (j = 0; j < n; j += 32) { \
                wide = n - j < 32 ? n - j : 32; \
                for (k = 0; k < wide; k++) { s[k] = a[j + k]; at[k] = 0; } \
                for (k = wide; k < 32; k++) { s[k] = 0; at[k] = 0; } \
                for (i = 1; i < m; i++) { \
                    const T *p = a + i * n + j; \
                    if (wide < 32) { WENGERT_FIRST(wide) } \
                    else { WENGERT_FIRST(32) } \
                } \
                for (k = 0; k < wide; k++) r[j + k] = at[k]; \
            } \
        } \
        /* Where the first element is that equals x, or is a nan if x is. */ \
        WENGERT_VECTORS Py_ssize_t wengert_place_##S(const T *a, T x, Py_ssize_t n) { \
            Py_ssize_t i, k; int any; \
            for (i = 0; i + 32 <= n; i += 32) { \
                any = 0; \
                for (k = 0; k < 32; k++) any |= (a[i + k] == x) | ((a[i + k] != a[i + k]) & (x != x)); \
                if (any) break; \
            } \
            for (; i < n; i++) if (a[i] == x || (a[i] != a[i] && x != x)) return i; \
            return 0; \
        }

    /* e = exp(x) of floats, to one place or so, in steps that vectors have: 2^k and a polynomial in what is left
       (after S. L. Moshier's Cephes); 2^k in two factors, so that results without all digits come out too. */
    #define WENGERT_EXP(x, e) \
        z = (x) > 89.0f ? 89.0f : (x); \
        z = z < -104.0f ? -104.0f : z; \
        w = z * 1.44269504f + 12582912.0f; \
        w = w - 12582912.0f; \
        k = (npy_int32) w; \
        z = z - w * 0.693359375f; \
        z = z + w * 2.12194440e-4f; \
        p = ((((1.9875691500e-4f * z + 1.3981999507e-3f) * z + 8.3334519073e-3f) * z + 4.1665795894e-2f) * z \
             + 1.6666665459e-1f) * z + 5.0000001201e-1f; \
        p = p * (z * z) + z + 1.0f; \
        u = ((npy_uint32) (k >> 1) + 127u) << 23; \
        memcpy(&w, &u, 4); \
        u = ((npy_uint32) (k - (k >> 1)) + 127u) << 23; \
        memcpy(&z, &u, 4); \
        e = p * w * z;

    /* r = the logistic function of a, or a times that. */
    WENGERT_VECTORS void wengert_sigmoids(int times, const float *a, float *r, Py_ssize_t n) {
        Py_ssize_t i; float x, z, w, p, e; npy_int32 k; npy_uint32 u;
        if (times) { WENGERT_APART for (i = 0; i < n; i++) { x = a[i]; WENGERT_EXP(-x, e) r[i] = x / (e + 1.0f); } }
        else { WENGERT_APART for (i = 0; i < n; i++) { x = a[i]; WENGERT_EXP(-x, e) r[i] = 1.0f / (e + 1.0f); } }
    }
    /* r = g times the slope of a times its logistic function. */
    WENGERT_VECTORS void wengert_silu_slopes(const float *g, const float *a, float *r, Py_ssize_t n) {
        Py_ssize_t i; float x, z, w, p, e; npy_int32 k; npy_uint32 u;
        WENGERT_APART for (i = 0; i < n; i++) {
            x = a[i];
            WENGERT_EXP(-x, e)
            e = 1.0f / (e + 1.0f);
            r[i] = g[i] * (e * (1.0f + x * (1.0f - e)));
        }
    }

    #define WENGERT_FLOATS(name) name##f
    #define WENGERT_DOUBLES(name) name
    WENGERT_LOOPS(float, f, npy_int32, WENGERT_FLOATS)
    WENGERT_LOOPS(double, d, npy_int64, WENGERT_DOUBLES)

    /* r = a as another type, without numbers that it has no place for. */
    #define WENGERT_CONVERTS(name, A, R) \
        WENGERT_VECTORS void wengert_##name(const A *a, R *r, Py_ssize_t n) { \
            Py_ssize_t i; \
            WENGERT_APART for (i = 0; i < n; i++) r[i] = (R) a[i]; \
        }
    WENGERT_CONVERTS(widened, float, double)
    WENGERT_CONVERTS(narrowed, double, float)
    WENGERT_CONVERTS(truth_floats, npy_bool, float)
    WENGERT_CONVERTS(truth_doubles, npy_bool, double)

    WENGERT_CONVERTS(whole_floats, npy_int64, float)
    WENGERT_CONVERTS(whole_doubles, npy_int64, double)

    /* The same as for floats, and the sum or an extremum of n; what does not fit is cut off. */
    WENGERT_VECTORS void wengert_whole_pairs(int op, const npy_int64 *a, const npy_int64 *b, npy_int64 *r, Py_ssize_t n,
                                             Py_ssize_t step) {
        Py_ssize_t i, j; npy_uint64 x, y;
        for (i = 0; i < n; i += step) switch (op) {
            WENGERT_PAIRS(ADD, (npy_int64) (x + y))
            WENGERT_PAIRS(SUBTRACT, (npy_int64) (x - y))
            WENGERT_PAIRS(MULTIPLY, (npy_int64) (x * y))
        }
    }
    WENGERT_VECTORS void wengert_whole_ones(int op, const npy_int64 *a, npy_int64 c, npy_int64 *r, Py_ssize_t n) {
        Py_ssize_t i; npy_uint64 x, y = (npy_uint64) c;
        switch (op) {
            WENGERT_ONES(ADD, y, (npy_int64) (x + y))
            WENGERT_ONES(SUBTRACT, y, (npy_int64) (x - y))
            WENGERT_ONES(MULTIPLY, y, (npy_int64) (x * y))
        }
    }
    WENGERT_VECTORS void wengert_whole_tests(int op, const npy_int64 *a, const npy_int64 *b, npy_int64 c, npy_bool *r,
                                             Py_ssize_t n) {
        Py_ssize_t i;
        switch (op) { WENGERT_ALL_TESTS }
    }
    WENGERT_VECTORS npy_int64 wengert_whole_total(int op, const npy_int64 *a, Py_ssize_t n) {
        npy_uint64 sum = 0; npy_int64 found = n ? a[0] : 0, s[32]; Py_ssize_t i, k, wide;
        if (op == WENGERT_ADD) { for (i = 0; i < n; i++) sum += (npy_uint64) a[i]; return (npy_int64) sum; }
        i = 0;
        if (n >= 32) {
            if (op == WENGERT_MAXIMUM) { WENGERT_LANES(WENGERT_LARGER) } else { WENGERT_LANES(WENGERT_SMALLER) }
            found = s[0];
        }
        if (op == WENGERT_MAXIMUM) for (; i < n; i++) found = WENGERT_LARGER(found, a[i]);
        else for (; i < n; i++) found = WENGERT_SMALLER(found, a[i]);
        return found;
    }

    /* r = a (op) b of truths. */
    WENGERT_VECTORS void wengert_truths(int op, const npy_bool *a, const npy_bool *b, npy_bool *r, Py_ssize_t n) {
        Py_ssize_t i;
        if (op == WENGERT_AND) { WENGERT_APART for (i = 0; i < n; i++) r[i] = a[i] & b[i]; }
        else if (op == WENGERT_OR) { WENGERT_APART for (i = 0; i < n; i++) r[i] = a[i] | b[i]; }
        else if (b) { WENGERT_APART for (i = 0; i < n; i++) r[i] = a[i] ^ b[i]; }
        else { WENGERT_APART for (i = 0; i < n; i++) r[i] = a[i] ^ 1; }
    }
    /* How many of n truths hold. */
    WENGERT_VECTORS npy_int64 wengert_count(const npy_bool *a, Py_ssize_t n) {
        npy_int64 found = 0; Py_ssize_t i, k; unsigned char s[32];
        while (n >= 32) {
            for (k = 0; k < 32; k++) s[k] = 0;
            for (i = 0; i + 32 <= n && i < 255 * 32; i += 32) for (k = 0; k < 32; k++) s[k] += a[i + k];
            for (k = 0; k < 32; k++) found += s[k];
            a += i;
            n -= i;
        }
        for (i = 0; i < n; i++) found += a[i];
        return found;
    }

    /* The same for NumPy's type numbers of float and double. */
    static CYTHON_UNUSED void wengert_ones(int kind, int op, const void *a, double c, double d, void *r, Py_ssize_t n) {
        if (kind == NPY_FLOAT) wengert_ones_f(op, (const float *) a, (float) c, (float) d, (float *) r, n);
        else wengert_ones_d(op, (const double *) a, c, d, (double *) r, n);
    }
    static CYTHON_UNUSED void wengert_pairs(int kind, int op, const void *a, const void *b, void *r, Py_ssize_t n,
                                            Py_ssize_t step) {
        if (step == 1 && op <= WENGERT_DIVIDE)
            wengert_ones(kind, op, a, kind == NPY_FLOAT ? *(const float *) b : *(const double *) b, 0, r, n);
        else if (kind == NPY_FLOAT) wengert_pairs_f(op, (const float *) a, (const float *) b, (float *) r, n, step);
        else wengert_pairs_d(op, (const double *) a, (const double *) b, (double *) r, n, step);
    }
    /* r = a (op) b, where b has an element for each of m rows of n elements. */
    static CYTHON_UNUSED void wengert_lines(int kind, int op, const void *a, const void *b, void *r, Py_ssize_t m,
                                            Py_ssize_t n) {
        Py_ssize_t i, width = kind == NPY_FLOAT ? 4 : 8;
        for (i = 0; i < m; i++)
            wengert_pairs(kind, op, (const char *) a + i * n * width, (const char *) b + i * width,
                          (char *) r + i * n * width, n, 1);
    }
    static CYTHON_UNUSED void wengert_scaled(int kind, const void *a, const void *b, double c, void *r, Py_ssize_t n) {
        if (kind == NPY_FLOAT) wengert_scaled_f((const float *) a, (const float *) b, (float) c, (float *) r, n);
        else wengert_scaled_d((const double *) a, (const double *) b, c, (double *) r, n);
    }
    static CYTHON_UNUSED void wengert_tests(int kind, int op, const void *a, const void *b, double c, npy_bool *r,
                                            Py_ssize_t n) {
        if (kind == NPY_FLOAT) wengert_tests_f(op, (const float *) a, (const float *) b, (float) c, r, n);
        else wengert_tests_d(op, (const double *) a, (const double *) b, c, r, n);
    }
    static CYTHON_UNUSED void wengert_choices(int kind, const npy_bool *k, const void *a, const void *b, double c,
                                              double d, void *r, Py_ssize_t n) {
        if (kind == NPY_FLOAT)
            wengert_choices_f(k, (const float *) a, (const float *) b, (float) c, (float) d, (float *) r, n);
        else wengert_choices_d(k, (const double *) a, (const double *) b, c, d, (double *) r, n);
    }
    static CYTHON_UNUSED void wengert_sums(int kind, const void *a, void *r, Py_ssize_t m, Py_ssize_t n) {
        if (kind == NPY_FLOAT) wengert_sums_f((const float *) a, (float *) r, m, n);
        else wengert_sums_d((const double *) a, (double *) r, m, n);
    }
    static CYTHON_UNUSED void wengert_block(int kind, int op, const void *a, void *r, Py_ssize_t m, Py_ssize_t n) {
        if (kind == NPY_FLOAT) wengert_columns_f(op, (const float *) a, (float *) r, m, n);
        else wengert_columns_d(op, (const double *) a, (double *) r, m, n);
    }
    /* The same for columns.  Of few columns, several rows are taken as one; sums of many rows are made of sums of some,
       so that fewer roundings follow each other. */
    static CYTHON_UNUSED void wengert_columns(int kind, int op, const void *a, void *r, Py_ssize_t m, Py_ssize_t n) {
        Py_ssize_t line = n * (kind == NPY_FLOAT ? 4 : 8), some = m, i;
        union { float f[128]; double d[128]; } part;
        int few = n > 0 && n < 32 && 32 % n == 0 && m * n >= 256;
        if (few) some = m / (32 / n) * (32 / n);
        else if (op == WENGERT_ADD && m > 512 && n <= 128) some = 256;
        if (few) {
            wengert_block(kind, op, a, &part, some * n / 32, 32);
            wengert_block(kind, op, &part, r, 32 / n, n);
        } else wengert_block(kind, op, a, r, some, n);
        for (i = some; i < m; i += some) {
            wengert_block(kind, op, (const char *) a + i * line, &part, m - i < some ? m - i : some, n);
            wengert_pairs(kind, op, r, &part, r, n, n);
        }
    }
    /* r = the product, the largest or the smallest of each of m rows of n elements. */
    static CYTHON_UNUSED void wengert_extremes(int kind, int op, const void *a, void *r, Py_ssize_t m, Py_ssize_t n) {
        Py_ssize_t i;
        if (kind == NPY_FLOAT)
            for (i = 0; i < m; i++) ((float *) r)[i] = wengert_extreme_f(op, (const float *) a + i * n, n);
        else for (i = 0; i < m; i++) ((double *) r)[i] = wengert_extreme_d(op, (const double *) a + i * n, n);
    }
    static CYTHON_UNUSED void wengert_column_places(int kind, int op, const void *a, npy_int64 *r, Py_ssize_t m,
                                                    Py_ssize_t n) {
        if (kind == NPY_FLOAT) wengert_column_places_f(op, (const float *) a, r, m, n);
        else wengert_column_places_d(op, (const double *) a, r, m, n);
    }
    /* r = where these are. */
    static CYTHON_UNUSED void wengert_places(int kind, int op, const void *a, npy_int64 *r, Py_ssize_t m,
                                             Py_ssize_t n) {
        Py_ssize_t i;
        if (kind == NPY_FLOAT) for (i = 0; i < m; i++) {
            const float *p = (const float *) a + i * n;
            r[i] = wengert_place_f(p, wengert_extreme_f(op, p, n), n);
        } else for (i = 0; i < m; i++) {
            const double *p = (const double *) a + i * n;
            r[i] = wengert_place_d(p, wengert_extreme_d(op, p, n), n);
        }
    }
    """
    enum:
        WENGERT_ADD, WENGERT_SUBTRACT, WENGERT_MULTIPLY, WENGERT_DIVIDE, WENGERT_MAXIMUM, WENGERT_MINIMUM
        WENGERT_TANH_SLOPE, WENGERT_RELU_SLOPE, WENGERT_EQUAL, WENGERT_UNEQUAL, WENGERT_LESS, WENGERT_LESS_EQUAL
        WENGERT_GREATER, WENGERT_GREATER_EQUAL, WENGERT_RELU, WENGERT_NEGATE, WENGERT_ABS, WENGERT_SQRT, WENGERT_RSQRT
        WENGERT_SQUARE, WENGERT_CUBE, WENGERT_RECIPROCAL, WENGERT_CLIP, WENGERT_RAISE, WENGERT_LOWER
        WENGERT_LEAKY, WENGERT_FLOOR, WENGERT_CEIL, WENGERT_TRUNC, WENGERT_ROUND, WENGERT_FROM, WENGERT_SIGN
        WENGERT_AND, WENGERT_OR, WENGERT_XOR

    void wengert_ones(int kind, int op, const void *a, double c, double d, void *r, Py_ssize_t n) noexcept
    void wengert_pairs(int kind, int op, const void *a, const void *b, void *r, Py_ssize_t n, Py_ssize_t step) noexcept
    void wengert_lines(int kind, int op, const void *a, const void *b, void *r, Py_ssize_t m, Py_ssize_t n) noexcept
    void wengert_scaled(int kind, const void *a, const void *b, double c, void *r, Py_ssize_t n) noexcept
    void wengert_tests(int kind, int op, const void *a, const void *b, double c, cnp.npy_bool *r, Py_ssize_t n) noexcept
    void wengert_choices(int kind, const cnp.npy_bool *k, const void *a, const void *b, double c, double d, void *r,
                         Py_ssize_t n) noexcept
    void wengert_sums(int kind, const void *a, void *r, Py_ssize_t m, Py_ssize_t n) noexcept
    void wengert_columns(int kind, int op, const void *a, void *r, Py_ssize_t m, Py_ssize_t n) noexcept
    void wengert_extremes(int kind, int op, const void *a, void *r, Py_ssize_t m, Py_ssize_t n) noexcept
    void wengert_places(int kind, int op, const void *a, cnp.npy_int64 *r, Py_ssize_t m, Py_ssize_t n) noexcept
    void wengert_column_places(int kind, int op, const void *a, cnp.npy_int64 *r, Py_ssize_t m, Py_ssize_t n) noexcept
    void wengert_sigmoids(int times, const float *a, float *r, Py_ssize_t n) noexcept
    void wengert_silu_slopes(const float *g, const float *a, float *r, Py_ssize_t n) noexcept
    void wengert_widened(const float *a, double *r, Py_ssize_t n) noexcept
    void wengert_narrowed(const double *a, float *r, Py_ssize_t n) noexcept
    void wengert_truth_floats(const cnp.npy_bool *a, float *r, Py_ssize_t n) noexcept
    void wengert_truth_doubles(const cnp.npy_bool *a, double *r, Py_ssize_t n) noexcept
    void wengert_truths(int op, const cnp.npy_bool *a, const cnp.npy_bool *b, cnp.npy_bool *r, Py_ssize_t n) noexcept
    cnp.npy_int64 wengert_count(const cnp.npy_bool *a, Py_ssize_t n) noexcept
    void wengert_whole_floats(const cnp.npy_int64 *a, float *r, Py_ssize_t n) noexcept
    void wengert_whole_doubles(const cnp.npy_int64 *a, double *r, Py_ssize_t n) noexcept
    void wengert_whole_pairs(int op, const cnp.npy_int64 *a, const cnp.npy_int64 *b, cnp.npy_int64 *r, Py_ssize_t n,
                             Py_ssize_t step) noexcept
    void wengert_whole_ones(int op, const cnp.npy_int64 *a, cnp.npy_int64 c, cnp.npy_int64 *r, Py_ssize_t n) noexcept
    void wengert_whole_tests(int op, const cnp.npy_int64 *a, const cnp.npy_int64 *b, cnp.npy_int64 c, cnp.npy_bool *r,
                             Py_ssize_t n) noexcept
    cnp.npy_int64 wengert_whole_total(int op, const cnp.npy_int64 *a, Py_ssize_t n) noexcept
