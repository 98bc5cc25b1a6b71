# Links in place over C-contiguous arrays: float64 for LightGBM, CatBoost and expit, float32 for XGBoost.
from libc.stdint cimport int64_t


cdef extern from "perfcore/links.hpp" namespace "perfcore::links" nogil:
    void c_logistic "perfcore::links::logistic"(double* x, int64_t n, double scale)
    void c_expit "perfcore::links::expit"(double* x, int64_t n)
    void c_exp "perfcore::links::exp"(double* x, int64_t n)
    void c_log1p_exp "perfcore::links::log1p_exp"(double* x, int64_t n)
    void c_signed_square "perfcore::links::signed_square"(double* x, int64_t n)
    void c_softmax "perfcore::links::softmax"(double* x, int64_t n, int64_t k)
    void c_sigmoid_f32 "perfcore::links::sigmoid_f32"(float* x, int64_t n)
    void c_exp_f32 "perfcore::links::exp_f32"(float* x, int64_t n)
    void c_exp_f64_of_f32 "perfcore::links::exp_f64_of_f32"(float* x, int64_t n)
    void c_softmax_f32 "perfcore::links::softmax_f32"(float* x, int64_t n, int64_t k)
    void c_logit_f32 "perfcore::links::logit_f32"(float* x, int64_t n, float edge)
    void c_log_f32 "perfcore::links::log_f32"(float* x, int64_t n)
    void c_hinge_f32 "perfcore::links::hinge_f32"(float* x, int64_t n)
    void c_sort_rows_f32 "perfcore::links::sort_rows_f32"(float* x, int64_t n, int64_t k)
    void c_argmax_f32 "perfcore::links::argmax_f32"(const float* x, int64_t n, int64_t k, float* out)


cdef extern from "perfcore/fast_exp.hpp" namespace "perfcore::links" nogil:
    const bint C_HAS_FAST_EXP "perfcore::links::HAS_FAST_EXP"
    void c_fast_exp "perfcore::links::fast_exp"(double* x, int64_t n)
    void c_fast_softmax "perfcore::links::fast_softmax"(double* x, int64_t n, int64_t k)


HAS_FAST_EXP = bool(C_HAS_FAST_EXP)


def logistic(double[:, ::1] x not None, double scale):
    """x = 1 / (1 + exp(-scale * x))"""
    if x.size:
        with nogil:
            c_logistic(&x[0, 0], x.shape[0] * x.shape[1], scale)


def expit(double[:, ::1] x not None):
    """x = 1 / (1 + exp(-x))"""
    if x.size:
        with nogil:
            c_expit(&x[0, 0], x.shape[0] * x.shape[1])


def exp(double[:, ::1] x not None):
    """x = exp(x)"""
    if x.size:
        with nogil:
            c_exp(&x[0, 0], x.shape[0] * x.shape[1])


def log1p_exp(double[:, ::1] x not None):
    """x = log1p(exp(x))"""
    if x.size:
        with nogil:
            c_log1p_exp(&x[0, 0], x.shape[0] * x.shape[1])


def signed_square(double[:, ::1] x not None):
    """x = sign(x) * x * x"""
    if x.size:
        with nogil:
            c_signed_square(&x[0, 0], x.shape[0] * x.shape[1])


def softmax(double[:, ::1] x not None):
    """Rows of x become exp(x - max) / sum, in double."""
    if x.size:
        with nogil:
            c_softmax(&x[0, 0], x.shape[0], x.shape[1])


def sigmoid_f32(float[:, ::1] x not None):
    """XGBoost's sigmoid in float32."""
    if x.size:
        with nogil:
            c_sigmoid_f32(&x[0, 0], x.shape[0] * x.shape[1])


def exp_f32(float[:, ::1] x not None):
    """x = expf(x)"""
    if x.size:
        with nogil:
            c_exp_f32(&x[0, 0], x.shape[0] * x.shape[1])


def exp_f64_of_f32(float[:, ::1] x not None):
    """x = exp(x), computed in double and rounded to float32"""
    if x.size:
        with nogil:
            c_exp_f64_of_f32(&x[0, 0], x.shape[0] * x.shape[1])


def softmax_f32(float[:, ::1] x not None):
    """XGBoost's softmax in float32, its sum in double."""
    if x.size:
        with nogil:
            c_softmax_f32(&x[0, 0], x.shape[0], x.shape[1])


def logit_f32(float[:, ::1] x not None, float edge):
    """XGBoost's logit in float32, of probabilities held within [edge, 1 - edge]."""
    if x.size:
        with nogil:
            c_logit_f32(&x[0, 0], x.shape[0] * x.shape[1], edge)


def log_f32(float[:, ::1] x not None):
    """x = logf(x)"""
    if x.size:
        with nogil:
            c_log_f32(&x[0, 0], x.shape[0] * x.shape[1])


def hinge_f32(float[:, ::1] x not None):
    """x = 1 where x > 0, else 0"""
    if x.size:
        with nogil:
            c_hinge_f32(&x[0, 0], x.shape[0] * x.shape[1])


def sort_rows_f32(float[:, ::1] x not None):
    """Each row of x in ascending order."""
    if x.size:
        with nogil:
            c_sort_rows_f32(&x[0, 0], x.shape[0], x.shape[1])


def argmax_f32(const float[:, ::1] x not None, float[::1] out not None):
    """out[i] = the first column with the largest cell of row i, as XGBoost finds it."""
    if out.shape[0] != x.shape[0]:
        raise ValueError(f"out has {out.shape[0]} entries for {x.shape[0]} rows")
    if x.size:
        with nogil:
            c_argmax_f32(&x[0, 0], x.shape[0], x.shape[1], &out[0])


def fast_exp(double[:, ::1] x not None):
    """Rows of x become CatBoost's own approximation of exp; what it gives depends on the length of a row."""
    cdef int64_t i
    if x.size:
        with nogil:
            for i in range(x.shape[0]):
                c_fast_exp(&x[i, 0], x.shape[1])


def fast_softmax(double[:, ::1] x not None):
    """CatBoost's softmax of the rows of x, over its own exp."""
    if x.size:
        with nogil:
            c_fast_softmax(&x[0, 0], x.shape[0], x.shape[1])
