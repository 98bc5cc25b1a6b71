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
inline constexpr Prices INTERLEAVE = {144.1, 0.9316, 1.982, 2.64, 1.214, 0.1255, 0, 0.9224, 1.157, 0.1304, 0.01297, 0, 0.62, 0.6379, 1.65, 0, 0, 0, 0};
inline constexpr Prices BITSLICE_PORTABLE = {287.5, 1.892, 16.16, 20.59, 0.45, 2.065, 0, 2.445, 0.7543, 9.577, 1.984, 0.2186, 0, 18.3, 1.368, 0, 6.404, 62.25, 0};
inline constexpr Prices BITSLICE_AVX2 = {259.6, 1.355, 17.32, 6.423, 0.6748, 3.235, 0.5672, 1.256, 0, 0, 1.169, 0.2439, 8.46, 21.15, 0.9474, 0, 5.822, 0, 0};
inline constexpr Prices BITSLICE_AVX512 = {228.3, 1.08, 26.32, 0.9016, 0.8677, 2.816, 0.3848, 0.5192, 0, 3.354, 1.722, 0.2087, 1.926, 13.68, 0.8251, 1.092, 0, 0, 0};
inline constexpr Prices DEEP_PORTABLE = {142.2, 11.47, 14.92, 3.043, 0.9516, 1.008, 0, 0, 5.085, 0.669, 0.6855, 28.39, 10.51, 1.453, 0.976, 0, 0, 0, 0};
inline constexpr Prices DEEP_AVX2 = {127.1, 13.17, 38.5, 0.8717, 0.7268, 0.8472, 0, 0, 4.979, 0.3797, 0.628, 29.33, 10.79, 1.621, 0.9811, 0, 0, 0, 0};
inline constexpr Prices DEEP_AVX512 = {140.1, 0, 43.14, 1.059, 0.253, 0.7558, 1.358, 1.021, 7.757, 0.2676, 0.2657, 30.23, 14.39, 1.283, 0.7923, 0, 0, 0, 0};
inline constexpr Prices LANES_PORTABLE = {158.6, 2.341, 1.419, 0, 0, 0, 0, 0, 0, 0, 0, 1.061, 0.7701, 0.0573, 0.699, 0.3609, 0, 1.005, 2.443};
inline constexpr Prices LANES_AVX2 = {110.5, 2.233, 1.048, 0.7888, 1.665, 2.421, 3.308, 0.9131, 1.206, 1.829, 1.773, 1.715, 0.7323, 0.0446, 0.7597, 0.3199, 0.003238, 0.5524, 1.043};
inline constexpr Prices LANES_AVX512 = {72.99, 2.03, 1.312, 1.143, 2.115, 3.217, 4.223, 1.078, 1.155, 1.437, 0.949, 2.057, 0.2457, 0.04129, 0.687, 0.3468, 0, 0, 1.001};

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
