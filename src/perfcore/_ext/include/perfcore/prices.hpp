// What the work of each kernel costs: the cost model.
//
// A kernel counts a call's work in amounts of its own (Kernel::work); its cost is the sum of amount times price. A sum
// is all it is: nothing is measured where perfcore runs, so that the same forest takes the same kernels every time.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace perfcore {

enum class KernelName : int { automatic = 0, walk = 1, interleave = 2, bitslice = 3, deep = 4, lanes = 5 };
constexpr int N_KERNEL_NAMES = 6;

// In rising order; a kernel takes the best form that it has, up to the one asked for.
enum class InstructionSet : int { portable = 0, avx2 = 1, avx512 = 2 };

constexpr int N_AMOUNTS = 19;
using Work = std::array<double, N_AMOUNTS>;
using Prices = Work;  // nanoseconds

// How often `bytes` must be halved to lie within `near`.
inline double log2_over(int64_t bytes, int64_t near) {
    return bytes <= near ? 0 : std::log2(static_cast<double>(bytes) / static_cast<double>(near));
}

// How many of `things` are met by that many visits, spread evenly.
inline double met(double visits, double things) { return things == 0 ? 0 : things * -std::expm1(-visits / things); }

// What follows is written by python -m benchmarks.fit.
inline constexpr Prices INTERLEAVE = {170.7, 1.041, 2.009, 2.836, 1.162, 0.1853, 0, 1.41, 0.9782, 0.1707, 0.08999, 0.3739, 0.5516, 0.7024, 1.315, 0, 0, 0, 0};
inline constexpr Prices BITSLICE_PORTABLE = {311.4, 1.762, 79, 13.69, 0.4358, 2.128, 0, 2.509, 1.561, 5.169, 2.082, 0.2283, 0, 18.18, 1.464, 0, 0, 46.2, 0};
inline constexpr Prices BITSLICE_AVX2 = {278.1, 1.357, 18.03, 6.265, 0.6661, 3.307, 0.5234, 1.313, 0, 0, 1.189, 0.2667, 8.869, 21.62, 0.8334, 0, 6.224, 0, 0};
inline constexpr Prices BITSLICE_AVX512 = {246.9, 1.116, 26.56, 1.01, 0.8821, 2.868, 0.4427, 0.5176, 0, 2.968, 1.751, 0.2136, 1.904, 14, 0.8271, 1.022, 0, 0, 0};
inline constexpr Prices DEEP_PORTABLE = {163.9, 10.01, 14.05, 3.362, 0.8887, 1.175, 0, 0, 5.074, 0.6916, 0.9678, 28.58, 16.04, 1.441, 0.9485, 0, 0, 0, 0};
inline constexpr Prices DEEP_AVX2 = {143.2, 15.11, 38.92, 0.8429, 0.7461, 0.8898, 0, 0, 4.958, 0.4278, 0.8632, 28.31, 11.99, 1.65, 1.055, 0, 0, 0, 0};
inline constexpr Prices DEEP_AVX512 = {157.8, 0, 43.19, 1.071, 0.2626, 0.8368, 1.307, 1.049, 7.639, 0.2972, 0.4072, 30.8, 14.59, 1.277, 0.8059, 0, 0, 0, 0};
inline constexpr Prices LANES_PORTABLE = {172.6, 2.338, 1.43, 0, 0, 0, 0, 0, 0, 0, 0, 1.076, 0.7745, 0.06153, 0.8359, 0.3482, 0, 1.124, 2.453};
inline constexpr Prices LANES_AVX2 = {124.5, 2.274, 0.9583, 0.7853, 1.656, 2.629, 3.327, 0.9151, 1.237, 1.88, 1.776, 1.812, 0.7249, 0.05179, 0.738, 0.3372, 0.007848, 0.5622, 1.026};
inline constexpr Prices LANES_AVX512 = {85.96, 2.225, 1.235, 1.179, 2.086, 3.185, 4.302, 1.091, 1.144, 1.475, 0.9065, 2.056, 0.2447, 0.0434, 0.6285, 0.3786, 0, 0, 0.9344};

inline const Prices& prices_of(KernelName kernel, InstructionSet isa) {
    static constexpr Prices WALK = {30};
    const auto of = [isa](const Prices& portable, const Prices& avx2, const Prices& avx512) -> const Prices& {
        return isa == InstructionSet::avx512 ? avx512 : isa == InstructionSet::avx2 ? avx2 : portable;
    };
    switch (kernel) {
        case KernelName::bitslice: return of(BITSLICE_PORTABLE, BITSLICE_AVX2, BITSLICE_AVX512);
        case KernelName::deep: return of(DEEP_PORTABLE, DEEP_AVX2, DEEP_AVX512);
        case KernelName::lanes: return of(LANES_PORTABLE, LANES_AVX2, LANES_AVX512);
        case KernelName::interleave: return INTERLEAVE;
        default: return WALK;
    }
}

}  // namespace perfcore
