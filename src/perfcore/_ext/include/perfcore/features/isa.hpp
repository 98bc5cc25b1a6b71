// Instructions that not every machine has: functions of them are chosen as a feature is made. PERFCORE_ISA=portable
// leaves them out.
#pragma once

#include <cstdlib>
#include <cstring>

#if defined(__GNUC__)
#define PERFCORE_INLINE __attribute__((always_inline)) inline
#define PERFCORE_APART __attribute__((noinline))
#define PERFCORE_FLATTEN __attribute__((flatten))
#define PERFCORE_UNREACHABLE __builtin_unreachable()
#else
#define PERFCORE_INLINE inline
#define PERFCORE_APART
#define PERFCORE_FLATTEN
#define PERFCORE_UNREACHABLE (void)0
#endif

#if defined(__GNUC__) && defined(__x86_64__)
#define PERFCORE_FMA __attribute__((target("fma")))
#define PERFCORE_AVX2 __attribute__((target("avx2")))
#define PERFCORE_HAS(instructions) (perfcore::features::is_not_portable() && __builtin_cpu_supports(instructions))
#else
#define PERFCORE_FMA
#define PERFCORE_AVX2
#define PERFCORE_HAS(instructions) false
#endif

namespace perfcore::features {

inline bool is_not_portable() {
    const char* forced = std::getenv("PERFCORE_ISA");
    return forced == nullptr || std::strcmp(forced, "portable") != 0;
}

inline bool may_use_fma() { return PERFCORE_HAS("fma"); }
inline bool may_use_avx2() { return PERFCORE_HAS("avx2"); }

}  // namespace perfcore::features
