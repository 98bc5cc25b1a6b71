// The deep forest as a kernel: its plan, and the form of it that the instruction set runs.
#pragma once

#include <memory>
#include <string>

#include "../kernel.hpp"
#include "deep.hpp"
#include "planner.hpp"

namespace perfcore {

class DeepKernel final : public Kernel {
    // What a call's work is counted in. Visits of lines by the registers that a row's codes take (AVX-512: one, two, or
    // memory); lines that a chunk of rows waits for one after the other; FAR: times how much larger than a second-level
    // cache what they read is.
    enum Amount {
        CALLS, CHUNK_TREES, COLUMNS, CELLS, HALVINGS, ADDITIONS, VISITS, VISITS_OF_TWO, VISITS_OF_MANY, FAR_VISITS,
        FETCHES, CHUNK_LINES, FAR_CHUNK_LINES, FAR_CELLS, TABLE_LINES
    };

  public:
    DeepKernel(std::unique_ptr<const deep::Plan> plan, InstructionSet isa, deep::Predict predict)
        : plan_(std::move(plan)), isa_(isa), predict_(predict) {
        for (const auto& finder : plan_->floats.of_feature) halvings_ += finder.steps;
        int32_t last = -1;
        for (const deep::Feature& f : plan_->features) {
            row_lines_ += f.feature / 16 != last;
            last = f.feature / 16;
        }
    }

    KernelName name() const override { return KernelName::deep; }
    InstructionSet isa() const override { return isa_; }
    int64_t bytes() const override { return plan_->bytes(); }
    int64_t piece_rows() const override { return plan_->block_rows; }
    int64_t scratch_bytes() const override { return plan_->scratch_bytes(); }

    Work work(int64_t rows) const override {
        const deep::Plan& p = *plan_;
        const double n = static_cast<double>(rows), n_trees = static_cast<double>(p.trees.size());
        const double cells = n * static_cast<double>(p.features.size()), visits = n * p.lines_a_row;
        const double chunks = static_cast<double>((rows + deep::CHUNK_ROWS - 1) / deep::CHUNK_ROWS);
        const double far = log2_over(p.bytes(), int64_t{1} << 20);
        Work w{};
        w[CALLS] = 1;
        w[CHUNK_TREES] = chunks * n_trees;
        w[COLUMNS] = static_cast<double>(p.features.size());
        w[CELLS] = cells;
        w[HALVINGS] = n * halvings_;
        w[ADDITIONS] = n * n_trees * p.leaf_width;
        w[p.naming != deep::Naming::bytes ? VISITS_OF_MANY : p.row_bytes <= 64 ? VISITS : VISITS_OF_TWO] = visits;
        w[FAR_VISITS] = visits * far;
        const double blocks = static_cast<double>((rows + p.block_rows - 1) / p.block_rows);
        w[FETCHES] = far * met(visits, blocks * static_cast<double>(p.lines.size()));
        w[CHUNK_LINES] = chunks * p.lines_a_row;
        w[FAR_CHUNK_LINES] = chunks * p.lines_a_row * far;
        w[FAR_CELLS] = cells * log2_over(std::min(rows, p.block_rows) * 64 * row_lines_, int64_t{1} << 20);
        w[TABLE_LINES] = n * static_cast<double>(row_lines_);
        return w;
    }

    void predict(const Table& x, int64_t begin, int64_t end, char* scratch, void* out) const override {
        predict_(*plan_, x, begin, end, scratch, out);
    }

  private:
    const std::unique_ptr<const deep::Plan> plan_;
    const InstructionSet isa_;
    const deep::Predict predict_;
    double halvings_ = 0;    // of a row's cells
    int64_t row_lines_ = 0;  // of a cache that they are read from
};

namespace deep {

constexpr int64_t LEAST_LEAVES = 200;  // smaller trees are sooner sliced

// None where the forest cannot be taken or, unless forced, is sooner sliced; `why` says what is in the way.
inline std::unique_ptr<const Kernel> make(const ForestView& forest, InstructionSet isa, bool forced, std::string& why) {
    if (!forced && forest.n_leaves < LEAST_LEAVES * forest.n_trees && forest.n_nodes < 65536) {
        why = "fewer than " + std::to_string(LEAST_LEAVES) + " leaves a tree";
        return nullptr;
    }
    auto plan = std::make_unique<Plan>();
    why = Planner(forest, isa == InstructionSet::avx512).build(*plan);
    if (!why.empty()) return nullptr;
    const Predict predict = isa == InstructionSet::avx512 ? avx512::predict
                            : isa == InstructionSet::avx2 ? avx2::predict
                                                          : portable::predict;
    return std::make_unique<DeepKernel>(std::move(plan), isa, predict);
}

}  // namespace deep
}  // namespace perfcore
