// What each instruction set's folder offers of the deep forest.
#pragma once

#include "plan.hpp"

namespace perfcore::deep {

// Rows [begin, end) into out[(row - begin) * n_outputs + column]; scratch: plan.scratch_bytes(), 64-byte aligned.
using Predict = void (*)(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out);

namespace portable {
void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out);
}  // namespace portable

namespace avx2 {
void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out);
}  // namespace avx2

namespace avx512 {
void predict(const Plan& plan, const Table& x, int64_t begin, int64_t end, char* scratch, void* out);
}  // namespace avx512

}  // namespace perfcore::deep
