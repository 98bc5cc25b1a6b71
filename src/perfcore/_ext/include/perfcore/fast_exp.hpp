// CatBoost's exponential, library/cpp/fast_exp over herumi's fmath, as its wheels for x86-64 compute it: a table of
// 2^(i / 2048) and a cubic. What it gives depends on where a number lies in its array: whole groups of four (with
// AVX2; of two without) go through vectors, which clamp their input and round every product, and the rest goes through
// a scalar form, which overflows to infinity, underflows to zero and, compiled with AVX2's flags, fuses one product.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "kernel.hpp"

namespace perfcore::links {

#if defined(__x86_64__) || defined(_M_X64)
constexpr bool HAS_FAST_EXP = true;
#else
constexpr bool HAS_FAST_EXP = false;  // there CatBoost takes another table, which nobody has checked
#endif

struct FastExp {
    static constexpr int BITS = 11, SIZE = 1 << BITS;
    static constexpr uint64_t ADJUST = (uint64_t{1} << (BITS + 10)) - (uint64_t{1} << BITS);
    static constexpr double ROUNDER = 6755399441055744.0;  // 3 << 51
    static constexpr double C2 = 0.16666666685227835064, C3 = 3.0000000027955394;
    static constexpr double LEAST = -708.39641853226408;
    static constexpr double MOST = 709.78272569338397, SCALAR_MOST = 709.78271289338397;

    double a = SIZE / std::log(2.0), ra = 1 / a;
    uint64_t mantissa[SIZE];

    FastExp() {
        for (int i = 0; i < SIZE; ++i) {
            const double power = std::pow(2.0, i * (1.0 / SIZE));
            std::memcpy(&mantissa[i], &power, 8);
            mantissa[i] &= (uint64_t{1} << 52) - 1;
        }
    }

    template <bool FUSES>
    double bounded(double x) const {
        const double d = x * a + ROUNDER;
        uint64_t bits;
        std::memcpy(&bits, &d, 8);
        const double t = (d - ROUNDER) * ra - x;
        const double cubic = (C3 - t) * (t * t);
        const double y = (FUSES ? std::fma(cubic, C2, -t) : cubic * C2 - t) + 1.0;
        const uint64_t power = (bits + ADJUST) >> BITS << 52 | mantissa[bits & (SIZE - 1)];
        double scale;
        std::memcpy(&scale, &power, 8);
        return y * scale;
    }

    // minpd and maxpd: the second operand where one is NaN.
    double in_vector(double x) const {
        x = x < MOST ? x : MOST;
        return bounded<false>(x > LEAST ? x : LEAST);
    }

    double alone(double x, bool fuses) const {
        if (x <= LEAST) return 0.0;
        if (x >= SCALAR_MOST) return std::numeric_limits<double>::infinity();
        return fuses ? bounded<true>(x) : bounded<false>(x);
    }
};

inline void fast_exp(double* x, int64_t n) {
    static const FastExp exp;
    static const bool avx2 = runs_here(InstructionSet::avx2);
    const int64_t whole = avx2 ? n & ~int64_t{3} : n & ~int64_t{1};
    for (int64_t i = 0; i < whole; ++i) x[i] = exp.in_vector(x[i]);
    for (int64_t i = whole; i < n; ++i) x[i] = exp.alone(x[i], avx2);
}

// eval_processing.h, CalcSoftmax.
inline void fast_softmax(double* x, int64_t n, int64_t k) {
    for (int64_t i = 0; i < n; ++i, x += k) {
        double top = x[0];
        for (int64_t j = 1; j < k; ++j)
            if (top < x[j]) top = x[j];
        for (int64_t j = 0; j < k; ++j) x[j] -= top;
        fast_exp(x, k);
        double sum = 0.0;
        for (int64_t j = 0; j < k; ++j) sum += x[j];
        for (int64_t j = 0; j < k; ++j) x[j] /= sum;
    }
}

}  // namespace perfcore::links
