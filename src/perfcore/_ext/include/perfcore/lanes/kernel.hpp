// The kernel for few rows: its plan, and the form of it that the instruction set runs.
#pragma once

#include <cmath>
#include <memory>
#include <string>

#include "../kernel.hpp"
#include "lanes.hpp"
#include "planner.hpp"

namespace perfcore {

class LanesKernel final : public Kernel {
    // What a call's work is counted in. Steps and trees of sets by how many rows are taken together, 1 to 4; steps of
    // walks, those that end at all depths by the deepest, too; FAR: times how much larger than a near cache what they
    // read is.
    enum Amount {
        CALLS, CELLS, MORE_ADDITIONS, SET_STEPS, SET_TREES = SET_STEPS + 4, WALKS = SET_TREES + 4, NARROW_STEPS,
        FAR_NARROW_STEPS, WIDE_STEPS, FAR_WIDE_STEPS, DEEPEST_STEPS, TABLE_LINES, LEVELS
    };

  public:
    LanesKernel(const ForestView& forest, std::unique_ptr<const lanes::Plan> plan, InstructionSet isa,
                lanes::Predict predict)
        : plan_(std::move(plan)), isa_(isa), predict_(predict), leaf_bytes_(forest.n_leaves * forest.leaf_width * 8) {
        int32_t last = -1;
        for (const lanes::Search& s : plan_->searches) {
            row_lines_ += s.feature / 16 != last;
            levels_ += s.levels;
            last = s.feature / 16;
        }
        for (const int32_t depth : plan_->depth) deepest_ += depth * 8;
    }

    KernelName name() const override { return KernelName::lanes; }
    InstructionSet isa() const override { return isa_; }
    int64_t bytes() const override { return plan_->bytes(); }
    int64_t piece_rows() const override { return 64; }
    int64_t scratch_bytes() const override { return plan_->scratch_bytes(); }

    Work work(int64_t rows) const override {
        const lanes::Plan& p = *plan_;
        const double n = static_cast<double>(rows), trees = static_cast<double>(p.n_trees);
        Work w{};
        w[CALLS] = 1;
        w[CELLS] = n * static_cast<double>(p.n_columns());
        w[MORE_ADDITIONS] = n * trees * (p.leaf_width - 1);
        w[TABLE_LINES] = n * row_lines_;
        if (p.form == lanes::Form::sets) {
            w[LEVELS] = n * levels_;
            const double tables = isa_ == InstructionSet::avx2 ? p.half / 16.0 : p.half > 64 ? 2 : 1;
            const double steps = tables * static_cast<double>(p.steps.size()) / (3.0 * p.set_lanes);
            const auto add = [&](int64_t together, double times) {
                w[SET_STEPS + together - 1] = times * steps;
                w[SET_TREES + together - 1] = times * static_cast<double>(p.groups.size()) * p.set_lanes;
            };
            add(lanes::ROWS_TOGETHER, static_cast<double>(rows / lanes::ROWS_TOGETHER));
            if (rows % lanes::ROWS_TOGETHER) add(rows % lanes::ROWS_TOGETHER, 1);
            return w;
        }
        const bool narrow = p.form == lanes::Form::narrow;
        w[LEVELS] = narrow ? n * levels_ : 0;
        const bool gathers = narrow && isa_ == InstructionSet::avx512;
        const double walks = gathers ? static_cast<double>(p.padded_trees()) : trees;
        const double far = log2_over(p.bytes() + leaf_bytes_, int64_t{1} << 19);
        w[WALKS] = n * trees;
        w[narrow ? NARROW_STEPS : WIDE_STEPS] = n * walks * p.mean_steps;
        w[narrow ? FAR_NARROW_STEPS : FAR_WIDE_STEPS] = n * walks * p.mean_steps * far;
        w[DEEPEST_STEPS] = p.even ? 0 : n * deepest_;
        return w;
    }

    void predict(const Table& x, int64_t begin, int64_t end, char* scratch, void* out) const override {
        predict_(*plan_, x, begin, end, scratch, out);
    }

  private:
    const std::unique_ptr<const lanes::Plan> plan_;
    const InstructionSet isa_;
    const lanes::Predict predict_;
    const int64_t leaf_bytes_;  // of the forest's values, at most
    double levels_ = 0;         // of all searches
    double deepest_ = 0;        // walks, summed up over the trees
    double row_lines_ = 0;      // of a cache that a row's cells are read from
};

namespace lanes {

// None where the forest cannot be taken; `why` says what is in the way.
inline std::unique_ptr<const Kernel> make(const ForestView& forest, InstructionSet isa, std::string& why) {
    auto plan = std::make_unique<Plan>();
    Predict predict;
    if (isa == InstructionSet::avx512) {
        why = build(forest, avx512::SET_LANES, avx512::SET_COLUMNS, *plan);
        predict = avx512::predict;
    } else if (isa == InstructionSet::avx2) {
        why = build(forest, avx2::SET_LANES, avx2::SET_COLUMNS, *plan);
        predict = avx2::predict;
    } else {
        why = build(forest, 0, 0, *plan);
        predict = portable::predict;
    }
    if (!why.empty()) return nullptr;
    return std::make_unique<LanesKernel>(forest, std::move(plan), isa, predict);
}

}  // namespace lanes
}  // namespace perfcore
