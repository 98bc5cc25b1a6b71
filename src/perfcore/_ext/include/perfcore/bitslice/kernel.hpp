// The bit-sliced forest as a kernel: its plan, and the form of it that the instruction set runs.
#pragma once

#include <memory>
#include <string>

#include "../kernel.hpp"
#include "bitslice.hpp"
#include "planner.hpp"

namespace perfcore {

class BitsliceKernel final : public Kernel {
    // What a call's work is counted in: for each block, for each 64 bytes of its planes (WIDE), or for each 64 rows
    // (GROUP); FAR: times how much larger than a second-level cache what they read is. A column's levels are searched
    // in digits of four. Leaves are looked up or loaded for each tree and group.
    enum Amount {
        CALLS, TABLE_LINES, GROUP_COLUMNS, GROUP_LEVELS, OPS, MASKS, TABLES, WIDE_OPS, WIDE_MASKS, WIDE_TABLES,
        FAR_MASKS, FAR_OPS, LOOKED_UP, LOADED, ID_BITS, TREES, GROUP_DIGITS, GROUP_OUTPUTS
    };

  public:
    BitsliceKernel(std::unique_ptr<const bitslice::Plan> plan, InstructionSet isa, bitslice::Predict predict)
        : plan_(std::move(plan)), isa_(isa), predict_(predict) {
        const bitslice::Plan& p = *plan_;
        int32_t last = -1;
        for (const bitslice::NumericFeature& f : p.numeric) {
            row_lines_ += f.feature / 16 != last;
            last = f.feature / 16;
            const int low = std::min(f.levels, 4);
            levels_ += f.levels;
            digits_ += (f.levels + 3) / 4;
            table_planes_ += (1 << low) + (1 << (f.levels - low));
        }
        for (const bitslice::CategoricalFeature& c : p.categorical) {
            digits_ += (c.levels + 3) / 4;
            levels_ += c.levels;
            table_planes_ += static_cast<double>(bitslice::set_planes(c));
        }
        for (const bitslice::Chunk& chunk : p.chunks) {
            const int most = isa == InstructionSet::avx512                        ? 6
                             : isa == InstructionSet::avx2 && p.sums_in_float     ? 6
                             : isa == InstructionSet::avx2                        ? 5
                                                                                  : 0;
            const double trees = (chunk.tree_end - chunk.tree_begin) * p.leaf_width;
            (chunk.id_bits <= most ? looked_up_ : loaded_) += trees;
            id_bits_ += (chunk.tree_end - chunk.tree_begin) * chunk.id_bits;
        }
    }

    KernelName name() const override { return KernelName::bitslice; }
    InstructionSet isa() const override { return isa_; }
    int64_t bytes() const override { return plan_->bytes(); }
    int64_t piece_rows() const override { return plan_->block_rows(); }
    int64_t scratch_bytes() const override { return plan_->scratch_bytes(); }

    Work work(int64_t rows) const override {
        const bitslice::Plan& p = *plan_;
        Work w{};
        w[CALLS] = 1;
        w[TABLE_LINES] = static_cast<double>(rows) * row_lines_;
        const int64_t block = p.block_rows();
        add(static_cast<double>(rows / block), block, w);
        if (rows % block) add(1, rows % block, w);
        return w;
    }

    void predict(const Table& x, int64_t begin, int64_t end, char* scratch, void* out) const override {
        predict_(*plan_, x, begin, end, scratch, out);
    }

  private:
    void add(double times, int64_t rows, Work& w) const {
        const bitslice::Plan& p = *plan_;
        const double width = rows <= 128 ? 0.25 : rows <= 256 ? 0.5 : rows <= 512 ? 1 : p.vectors;  // of 64 bytes
        const double groups = times * static_cast<double>((rows + 63) / 64), wide = times * width;
        const double columns = static_cast<double>(p.numeric.size() + 4 * p.categorical.size());
        const double ops = static_cast<double>(p.ops.size()), masks = static_cast<double>(p.n_masks);
        w[GROUP_COLUMNS] += groups * columns;
        w[GROUP_LEVELS] += groups * levels_;
        w[OPS] += times * ops;
        w[MASKS] += times * masks;
        w[TABLES] += times * table_planes_;
        w[WIDE_OPS] += wide * ops;
        w[WIDE_MASKS] += wide * masks;
        w[WIDE_TABLES] += wide * table_planes_;
        w[FAR_MASKS] += wide * ops * log2_over(p.n_masks * p.plane_bytes, int64_t{1} << 20);
        w[FAR_OPS] += times * ops * log2_over(p.bytes(), int64_t{1} << 20);
        w[LOOKED_UP] += 8 * wide * looked_up_;
        w[LOADED] += 8 * wide * loaded_;
        w[ID_BITS] += 8 * wide * id_bits_;
        w[GROUP_DIGITS] += groups * digits_;
        w[GROUP_OUTPUTS] += groups * p.n_outputs;
        w[TREES] += times * static_cast<double>(p.trees.size());
    }

    const std::unique_ptr<const bitslice::Plan> plan_;
    const InstructionSet isa_;
    const bitslice::Predict predict_;
    double row_lines_ = 0;  // of a cache that a row's cells are read from
    double levels_ = 0, digits_ = 0, table_planes_ = 0;              // of all columns
    double looked_up_ = 0, loaded_ = 0, id_bits_ = 0;  // of all trees
};

namespace bitslice {

// A tree, on average: slicing costs in proportion to leaves, walking to their logarithm.
constexpr int64_t MOST_LEAVES = 2000;

struct Form {
    Leaves leaves;
    Predict predict;
};

inline Form form_for(InstructionSet isa) {
    if (isa == InstructionSet::avx512) return {avx512::LEAVES, avx512::predict};
    if (isa == InstructionSet::avx2) return {avx2::LEAVES, avx2::predict};
    return {portable::LEAVES, portable::predict};
}

// None where the forest cannot be sliced or, unless forced, is sooner walked; `why` says what is in the way.
inline std::unique_ptr<const Kernel> make(const ForestView& forest, InstructionSet isa, bool forced, std::string& why) {
    if (!forced && forest.n_leaves > MOST_LEAVES * forest.n_trees) {
        why = "more than " + std::to_string(MOST_LEAVES) + " leaves a tree";
        return nullptr;
    }
    const Form form = form_for(isa);
    auto plan = std::make_unique<Plan>();
    why = Planner(forest, form.leaves).build(*plan);
    if (!why.empty()) return nullptr;
    return std::make_unique<BitsliceKernel>(std::move(plan), isa, form.predict);
}

}  // namespace bitslice
}  // namespace perfcore
