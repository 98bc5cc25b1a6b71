// What each instruction set's folder offers of the bit-sliced forest.
#pragma once

#include "plan.hpp"

namespace perfcore::bitslice {

// Rows [begin, end) into out[(row - begin) * n_outputs + column]; scratch: plan.scratch_bytes(), 64-byte aligned.
using Predict = void (*)(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out);

namespace portable {
constexpr Leaves LEAVES = Leaves::plain;
void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out);
}  // namespace portable

namespace avx2 {
constexpr Leaves LEAVES = Leaves::bytes;
void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out);
}  // namespace avx2

namespace avx512 {
constexpr Leaves LEAVES = Leaves::split;
void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out);
}  // namespace avx512

}  // namespace perfcore::bitslice
