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
inline constexpr Prices INTERLEAVE = {171.1, 1.09, 1.995, 2.857, 1.175, 0.1615, 0, 1.439, 0.9785, 0.1611, 0.09239, 0.3917, 0.5063, 0.7093, 1.174, 4.377, 0, 0, 0};
inline constexpr Prices BITSLICE_PORTABLE = {315.7, 2.112, 11.34, 20.69, 0.4892, 2.02, 0, 2.578, 0.9912, 7.706, 2.775, 0.1708, 0, 18.46, 1.446, 0, 11.03, 68.43, 0};
inline constexpr Prices BITSLICE_AVX2 = {277.5, 1.349, 18.13, 6.19, 0.6661, 3.306, 0.5259, 1.314, 0, 0, 1.19, 0.2666, 8.857, 21.61, 0.8367, 0, 6.394, 0, 0};
inline constexpr Prices BITSLICE_AVX512 = {245.5, 1.105, 27.01, 0.9422, 0.8815, 2.872, 0.4664, 0.5191, 0, 2.832, 1.758, 0.2134, 1.956, 14.08, 0.8225, 0.9348, 0.05445, 0, 0};
inline constexpr Prices DEEP_PORTABLE = {151, 13.29, 14.23, 3.155, 0.942, 1.03, 0, 0, 5.058, 0.7183, 1.068, 27.8, 12.12, 1.531, 0.7766, 0, 0, 0, 0};
inline constexpr Prices DEEP_AVX2 = {141.6, 15.36, 38.93, 0.9977, 0.7193, 0.8616, 0, 0, 4.966, 0.43, 0.8622, 28.17, 12.02, 1.65, 0.8938, 0, 0, 0, 0};
inline constexpr Prices DEEP_AVX512 = {155.7, 0, 43.6, 1.127, 0.2502, 0.8335, 1.309, 1.05, 7.626, 0.2976, 0.4061, 30.77, 14.6, 1.277, 0.7491, 0, 0, 0, 0};
inline constexpr Prices LANES_PORTABLE = {169.5, 2.269, 1.335, 0, 0, 0, 0, 0, 0, 0, 0, 1.07, 0.774, 0.07665, 0.7274, 0.371, 0, 1.177, 2.452};
inline constexpr Prices LANES_AVX2 = {124.5, 2.276, 0.9583, 0.7853, 1.656, 2.629, 3.327, 0.9149, 1.237, 1.88, 1.776, 1.811, 0.725, 0.05177, 0.7361, 0.3377, 0.00777, 0.5613, 1.026};
inline constexpr Prices LANES_AVX512 = {85.77, 2.249, 1.231, 1.179, 2.086, 3.185, 4.305, 1.092, 1.144, 1.475, 0.9028, 2.072, 0.244, 0.04306, 0.597, 0.3868, 0, 0, 0.9224};

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
