// Link functions, each the very expression that the source framework compiles, over libm and one value at a time.
// -ffp-contract=off and no fast-math: the compiler may neither fuse nor replace them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "fast_exp.hpp"

namespace perfcore::links {

// scipy.special.expit; LightGBM's sigmoid with its own scale.
inline void logistic(double* x, int64_t n, double scale) {
    for (int64_t i = 0; i < n; ++i) x[i] = 1.0 / (1.0 + std::exp(-scale * x[i]));
}

inline void expit(double* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) x[i] = 1.0 / (1.0 + std::exp(-x[i]));
}

inline void exp(double* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) x[i] = std::exp(x[i]);
}

// LightGBM cross_entropy_lambda.
inline void log1p_exp(double* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) x[i] = std::log1p(std::exp(x[i]));
}

// LightGBM regression with reg_sqrt, by Common::Sign, which is 0 for NaN.
inline void signed_square(double* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) x[i] = ((x[i] > 0.0) - (x[i] < 0.0)) * x[i] * x[i];
}

// LightGBM Common::Softmax.
inline void softmax(double* x, int64_t n, int64_t k) {
    for (int64_t i = 0; i < n; ++i, x += k) {
        double top = x[0];
        for (int64_t j = 1; j < k; ++j) top = std::max(x[j], top);
        double sum = 0.0;
        for (int64_t j = 0; j < k; ++j) {
            x[j] = std::exp(x[j] - top);
            sum += x[j];
        }
        for (int64_t j = 0; j < k; ++j) x[j] /= sum;
    }
}

// XGBoost common::Sigmoid.
inline void sigmoid_f32(float* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
        const float y = std::min(-x[i], 88.7f);
        const float denominator = std::exp(y) + 1.0f + 1e-16f;
        x[i] = 1.0f / denominator;
    }
}

inline void exp_f32(float* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) x[i] = std::exp(x[i]);
}

// XGBoost survival:aft, whose exp is the one of double.
inline void exp_f64_of_f32(float* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) x[i] = static_cast<float>(std::exp(static_cast<double>(x[i])));
}

// XGBoost common::Softmax: the sum in double, the quotient in float.
inline void softmax_f32(float* x, int64_t n, int64_t k) {
    for (int64_t i = 0; i < n; ++i, x += k) {
        float top = x[0];
        for (int64_t j = 1; j < k; ++j) top = std::fmax(x[j], top);
        double sum = 0.0;
        for (int64_t j = 0; j < k; ++j) {
            x[j] = std::exp(x[j] - top);
            sum += x[j];
        }
        for (int64_t j = 0; j < k; ++j) x[j] /= static_cast<float>(sum);
    }
}

// XGBoost ProbToMargin of the logistic objectives (regression_loss.h); since 3.2 with an edge of 1e-6, before of 0.
inline void logit_f32(float* x, int64_t n, float edge) {
    for (int64_t i = 0; i < n; ++i) {
        const float p = std::min(std::max(x[i], edge), 1.0f - edge);
        x[i] = -std::log(1.0f / p - 1.0f);
    }
}

inline void log_f32(float* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) x[i] = std::log(x[i]);
}

// XGBoost reg:quantileerror since 3.4: a row's quantiles in ascending order. NaN, over which `<` alone would lead
// std::sort out of the row, comes last.
inline void sort_rows_f32(float* x, int64_t n, int64_t k) {
    const auto before = [](float a, float b) { return a < b || (a == a && b != b); };
    for (int64_t i = 0; i < n; ++i, x += k) std::sort(x, x + k, before);
}

// XGBoost binary:hinge.
inline void hinge_f32(float* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) x[i] = x[i] > 0.0f ? 1.0f : 0.0f;
}

// XGBoost multi:softmax: the first of the largest, as std::max_element finds it (also among NaN).
inline void argmax_f32(const float* x, int64_t n, int64_t k, float* out) {
    for (int64_t i = 0; i < n; ++i, x += k) out[i] = static_cast<float>(std::max_element(x, x + k) - x);
}

// Links by name, for a whole answer at once; those ending in _f32 are links of float, the others of double.
enum class Link : int {
    identity = 0,
    logistic = 1,
    expit = 2,
    exp = 3,
    log1p_exp = 4,
    signed_square = 5,
    softmax = 6,
    sigmoid_f32 = 7,
    exp_f32 = 8,
    exp_f64_of_f32 = 9,
    softmax_f32 = 10,
    hinge_f32 = 11,
    sort_rows_f32 = 12,
    fast_exp = 13,
    fast_softmax = 14,
};

inline void apply(Link link, double scale, double* x, int64_t n, int64_t k) {
    switch (link) {
        case Link::logistic: return logistic(x, n * k, scale);
        case Link::expit: return expit(x, n * k);
        case Link::exp: return exp(x, n * k);
        case Link::log1p_exp: return log1p_exp(x, n * k);
        case Link::signed_square: return signed_square(x, n * k);
        case Link::softmax: return softmax(x, n, k);
        case Link::fast_exp: return fast_exp(x, n * k);
        case Link::fast_softmax: return fast_softmax(x, n, k);
        default: return;
    }
}

inline void apply(Link link, double, float* x, int64_t n, int64_t k) {
    switch (link) {
        case Link::sigmoid_f32: return sigmoid_f32(x, n * k);
        case Link::exp_f32: return exp_f32(x, n * k);
        case Link::exp_f64_of_f32: return exp_f64_of_f32(x, n * k);
        case Link::softmax_f32: return softmax_f32(x, n, k);
        case Link::hinge_f32: return hinge_f32(x, n * k);
        case Link::sort_rows_f32: return sort_rows_f32(x, n, k);
        default: return;
    }
}

}  // namespace perfcore::links
