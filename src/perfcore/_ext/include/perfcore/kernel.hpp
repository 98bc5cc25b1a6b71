// What every kernel offers: one way to answer a forest, built once, immutable, safe from many threads.
#pragma once

#include <cstdint>

#include "forest.hpp"
#include "prices.hpp"

namespace perfcore {

inline bool runs_here(InstructionSet isa) {
#if defined(__x86_64__) && defined(__GNUC__)
    if (isa == InstructionSet::avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    if (isa == InstructionSet::avx512)  // Ice Lake, Zen 4 and later
        return runs_here(InstructionSet::avx2) && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
               __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("gfni");
#endif
    return isa == InstructionSet::portable;
}

class Kernel {
  public:
    virtual ~Kernel() = default;
    virtual KernelName name() const = 0;
    virtual InstructionSet isa() const = 0;
    virtual int64_t bytes() const = 0;

    // What a call of so many rows is made of; prices.hpp says what each costs.
    virtual Work work(int64_t rows) const = 0;

    // Nanoseconds that it takes one thread, on the machine that the prices were fitted on.
    double cost(int64_t rows) const {
        const Prices& prices = prices_of(name(), isa());
        const Work amounts = work(rows);
        double sum = 0;
        for (int i = 0; i < N_AMOUNTS; ++i) sum += prices[i] * amounts[i];
        return sum;
    }

    // Rows that a thread takes at a time, and the scratch space that it needs, 64-byte aligned, of any content.
    virtual int64_t piece_rows() const = 0;
    virtual int64_t scratch_bytes() const = 0;

    // Margins of rows [begin, end) into out[(row - begin) * n_outputs + column], float* or double* as the sums are.
    virtual void predict(const Table& x, int64_t begin, int64_t end, char* scratch, void* out) const = 0;
};

}  // namespace perfcore
