// What each instruction set's folder offers for few rows.
#pragma once

#include "plan.hpp"

namespace perfcore::lanes {

// Rows [begin, end) into out[(row - begin) * n_outputs + column]; scratch: plan.scratch_bytes(), 64-byte aligned.
using Predict = void (*)(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out);

namespace portable {
void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out);
}  // namespace portable

namespace avx2 {
constexpr int SET_LANES = 32;
constexpr int SET_COLUMNS = 64;  // that the steps' tables hold
void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out);
}  // namespace avx2

namespace avx512 {
constexpr int SET_LANES = 64;
constexpr int SET_COLUMNS = 128;
void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out);
}  // namespace avx512

}  // namespace perfcore::lanes
