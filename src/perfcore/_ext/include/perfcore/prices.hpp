// What the work of each kernel costs: the cost model.
//
// A kernel tells a call's work in amounts (Kernel::work); its cost is the sum of amount times price.
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

// What follows is written by python -m benchmarks.fit.
inline constexpr Prices INTERLEAVE = {187.4, 1.232, 3.861, 2.68, 0.4081, 0.2746, 0.6255, 0.5191, 0.5631, 0.1666, 0.3508, 2.431, 0.2755, 0.5147, 0.4254, 0.3718, 0.3148, 0, 0};
inline constexpr Prices BITSLICE_PORTABLE = {336.8, 1.646, 138.8, 4.402, 0.4056, 2.306, 0, 2.581, 1.672, 1.94, 1.824, 0.2571, 0, 17.65, 1.663, 0, 0, 25.5, 0};
inline constexpr Prices BITSLICE_AVX2 = {300, 1.383, 17.46, 6.16, 0.7222, 3.13, 0.5988, 1.349, 0, 0, 1.815, 0.2367, 8.751, 19.57, 0.9, 0, 6.39, 0, 0};
inline constexpr Prices BITSLICE_AVX512 = {268.5, 1.143, 25.93, 0, 0.8294, 2.969, 0.1422, 0.5298, 0, 6.702, 1.706, 0.2432, 2.829, 18.65, 0.5704, 1.013, 0, 0, 0};
inline constexpr Prices DEEP_PORTABLE = {177.1, 9.435, 12.74, 3.571, 0.8488, 0.9327, 0, 0, 5.252, 0.7974, 0, 28.58, 13.75, 1.361, 0.7693, 0, 0, 0, 0};
inline constexpr Prices DEEP_AVX2 = {166.2, 10.65, 37.84, 0.7752, 0.8635, 1.245, 0, 0, 4.654, 0.802, 0, 29.03, 18.76, 1.581, 1.176, 0, 0, 0, 0};
inline constexpr Prices DEEP_AVX512 = {179, 0, 41.6, 1.024, 0.2984, 1.162, 1.189, 0.8087, 7.614, 0.3313, 0, 30.1, 18.01, 1.246, 0.8441, 0, 0, 0, 0};
inline constexpr Prices LANES_PORTABLE = {182.4, 2.346, 1.379, 0, 0, 0, 0, 0, 0, 0, 0, 1.072, 0.7818, 0.05638, 0.7886, 0.3354, 0, 1.262, 2.477};
inline constexpr Prices LANES_AVX2 = {142.1, 2.239, 0.9815, 0.7887, 1.653, 0, 3.313, 0.8927, 1.269, 0, 1.749, 1.755, 0.7319, 0.05385, 0.6942, 0.373, 0.00779, 0.6635, 1.026};
inline constexpr Prices LANES_AVX512 = {101.5, 2.434, 1.742, 1.103, 2.124, 0, 4.395, 1.098, 1.132, 0, 0.872, 2.019, 0.2506, 0.04212, 0.6361, 0.3492, 0, 0, 0.8114};

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
