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
inline constexpr Prices INTERLEAVE = {187.2, 1.046, 1.828, 3.003, 1.146, 0.2205, 0, 1.501, 0.9815, 0.163, 0.0917, 0.9643, 0.5133, 0.6371, 1.332, 0, 0, 0, 0};
inline constexpr Prices BITSLICE_PORTABLE = {339.4, 1.625, 138.6, 4.22, 0.4171, 2.207, 0, 2.519, 1.949, 1.902, 1.849, 0.2145, 0, 17.88, 1.583, 0, 0, 22.73, 0};
inline constexpr Prices BITSLICE_AVX2 = {297, 1.31, 17.87, 5.931, 0.7077, 3.207, 0.4904, 1.293, 0, 0, 1.28, 0.2217, 9.132, 22, 0.8101, 0, 7.061, 0, 0};
inline constexpr Prices BITSLICE_AVX512 = {268.7, 1.068, 26.01, 1.228, 0.872, 2.799, 0.4784, 0.5369, 0, 2.865, 1.822, 0.2015, 1.827, 14.13, 0.8205, 1.516, 0, 0, 0};
inline constexpr Prices DEEP_PORTABLE = {172.6, 13.04, 14.02, 3.444, 0.8606, 0.9613, 0, 0, 5.157, 0.6525, 0.7212, 27.53, 10.62, 1.444, 0.676, 0, 0, 0, 0};
inline constexpr Prices DEEP_AVX2 = {158.7, 15.28, 39.35, 0.8444, 0.7213, 0.8841, 0, 0, 4.906, 0.5225, 0.9035, 27.88, 12.66, 1.63, 1, 0, 0, 0, 0};
inline constexpr Prices DEEP_AVX512 = {176.1, 0, 43.38, 1.032, 0.2826, 0.8564, 1.286, 1.016, 7.513, 0.3153, 0.5147, 30.9, 14.49, 1.267, 0.829, 0, 0, 0, 0};
inline constexpr Prices LANES_PORTABLE = {188.5, 2.342, 1.431, 0, 0, 0, 0, 0, 0, 0, 0, 1.068, 0.7729, 0.0551, 0.7918, 0.332, 0, 0.993, 2.488};
inline constexpr Prices LANES_AVX2 = {139.9, 2.228, 1.023, 0.7871, 1.652, 2.812, 3.311, 0.9029, 1.264, 1.822, 1.764, 1.756, 0.7341, 0.04614, 0.7414, 0.3368, 0.008236, 0.5742, 1.022};
inline constexpr Prices LANES_AVX512 = {97.73, 2.397, 1.038, 1.111, 2.09, 3.179, 4.274, 1.118, 1.14, 1.483, 0.9237, 1.97, 0.2489, 0.04494, 0.646, 0.365, 0, 0, 0.82};

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
