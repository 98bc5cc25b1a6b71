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

// What follows is written by python -m benchmarks.fit.
inline constexpr Prices INTERLEAVE = {188.7, 1.068, 1.042, 4.286, 0.9617, 0.223, 0.5512, 2.368, 0.885, 0.185, 0.3668, 3.431, 0.5023, 0.2798, 1.546, 0, 0, 0, 0};
inline constexpr Prices BITSLICE_PORTABLE = {339.2, 1.626, 138.6, 4.164, 0.3928, 2.243, 0, 2.588, 1.819, 2.026, 1.834, 0.2412, 0, 17.94, 1.565, 0, 0, 22.76, 0};
inline constexpr Prices BITSLICE_AVX2 = {296.8, 1.309, 18.14, 5.903, 0.6921, 3.218, 0.4948, 1.347, 0, 0, 1.24, 0.2474, 9.833, 22.17, 0.6387, 0, 6.845, 0, 0};
inline constexpr Prices BITSLICE_AVX512 = {268.6, 1.067, 26.08, 1.168, 0.8587, 2.811, 0.4667, 0.5579, 0, 2.952, 1.776, 0.2276, 1.905, 13.81, 0.7944, 1.566, 0, 0, 0};
inline constexpr Prices DEEP_PORTABLE = {172.5, 12.15, 14.07, 3.426, 0.874, 1.051, 0, 0, 5.056, 0.8947, 0, 28.31, 12.58, 1.447, 0.6759, 0, 0, 0, 0};
inline constexpr Prices DEEP_AVX2 = {158.6, 13.53, 39.46, 0.8189, 0.7418, 0.9916, 0, 0, 4.786, 0.7899, 0, 29.3, 14.33, 1.633, 1.002, 0, 0, 0, 0};
inline constexpr Prices DEEP_AVX512 = {175.9, 0, 43.46, 1.025, 0.2882, 0.8625, 1.267, 0.9649, 7.48, 0.3644, 0, 31.03, 16.91, 1.268, 0.8323, 0, 0, 0, 0};
inline constexpr Prices LANES_PORTABLE = {188.5, 2.343, 1.431, 0, 0, 0, 0, 0, 0, 0, 0, 1.068, 0.773, 0.05508, 0.7924, 0.3319, 0, 0.9922, 2.487};
inline constexpr Prices LANES_AVX2 = {139.9, 2.229, 1.023, 0.7871, 1.652, 2.812, 3.311, 0.9029, 1.264, 1.822, 1.764, 1.756, 0.734, 0.04614, 0.7416, 0.3368, 0.00834, 0.5738, 1.022};
inline constexpr Prices LANES_AVX512 = {97.72, 2.398, 1.038, 1.111, 2.09, 3.179, 4.274, 1.118, 1.14, 1.483, 0.9237, 1.969, 0.2489, 0.04494, 0.6462, 0.365, 0, 0, 0.8195};

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
