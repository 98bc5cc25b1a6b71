// The bit-sliced forest as a kernel: its plan, and the form of it that the instruction set runs.
#pragma once

#include <memory>
#include <string>

#include "../kernel.hpp"
#include "bitslice.hpp"
#include "planner.hpp"

namespace perfcore {

class BitsliceKernel final : public Kernel {
  public:
    BitsliceKernel(std::unique_ptr<const bitslice::Plan> plan, InstructionSet isa, bitslice::Predict predict)
        : plan_(std::move(plan)), isa_(isa), predict_(predict) {}

    KernelName name() const override { return KernelName::bitslice; }
    InstructionSet isa() const override { return isa_; }
    int64_t bytes() const override { return plan_->bytes(); }
    int64_t piece_rows() const override { return plan_->block_rows(); }
    int64_t scratch_bytes() const override { return plan_->scratch_bytes(); }

    // A block costs the same however few rows it holds; a tree's leaves are looked up and added, however few its
    // instructions.
    double cost(int64_t rows) const override {
        const double of_trees = static_cast<double>(plan_->ops.size()) * 0.002 + static_cast<double>(plan_->trees.size()) * 0.17;
        const double of_block = 512 * (of_trees + 1) * (isa_ == InstructionSet::avx512 ? 1 : 3);
        return of_block * static_cast<double>((rows + 511) / 512);
    }

    void predict(const Table& x, int64_t begin, int64_t end, char* scratch, void* out) const override {
        predict_(*plan_, x, begin, end, scratch, out);
    }

  private:
    const std::unique_ptr<const bitslice::Plan> plan_;
    const InstructionSet isa_;
    const bitslice::Predict predict_;
};

namespace bitslice {

struct Form {
    InstructionSet isa;
    Leaves leaves;
    Predict predict;
    int64_t most_leaves;  // a tree, on average: slicing costs in proportion to leaves, walking to their logarithm
};

inline Form form_for(InstructionSet isa) {
    if (isa == InstructionSet::avx512) return {isa, avx512::LEAVES, avx512::predict, 2000};
    if (isa == InstructionSet::avx2) return {isa, avx2::LEAVES, avx2::predict, 1000};
    return {InstructionSet::portable, portable::LEAVES, portable::predict, 600};
}

// None where the forest cannot be sliced or, unless forced, is sooner walked; `why` says what is in the way.
inline std::unique_ptr<const Kernel> make(const ForestView& forest, InstructionSet isa, bool forced, std::string& why) {
    const Form form = form_for(isa);
    if (!forced && forest.n_leaves > form.most_leaves * forest.n_trees) {
        why = "more than " + std::to_string(form.most_leaves) + " leaves a tree";
        return nullptr;
    }
    auto plan = std::make_unique<Plan>();
    why = Planner(forest, form.leaves).build(*plan);
    if (!why.empty()) return nullptr;
    return std::make_unique<BitsliceKernel>(std::move(plan), form.isa, form.predict);
}

}  // namespace bitslice
}  // namespace perfcore
