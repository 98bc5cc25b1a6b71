// The kernels of one forest, and the choice between them.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "bitslice/kernel.hpp"
#include "deep/kernel.hpp"
#include "interleave.hpp"
#include "kernel.hpp"
#include "lanes/kernel.hpp"
#include "scratch.hpp"
#include "threads.hpp"
#include "walk.hpp"

namespace perfcore {

class Engine {
  public:
    // `name` forces one kernel, for calls of every size; a forest that it cannot take is walked interleaved.
    Engine(const ForestView& forest, KernelName name, InstructionSet isa) : forest_(forest) {
        const auto wanted = [&](KernelName each) { return name == each || name == KernelName::automatic; };
        if (name == KernelName::walk || forest.n_trees == 0) {
            add(std::make_unique<WalkKernel>(forest_));
        } else {
            packed_ = std::make_unique<const interleave::Packed>(forest_);
            const bool forced = name != KernelName::automatic;
            if (wanted(KernelName::bitslice))
                add(bitslice::make(forest_, isa, forced, why_not_[static_cast<int>(KernelName::bitslice)]));
            if (wanted(KernelName::deep))
                add(deep::make(forest_, isa, forced, why_not_[static_cast<int>(KernelName::deep)]));
            if (wanted(KernelName::lanes))
                add(lanes::make(forest_, isa, why_not_[static_cast<int>(KernelName::lanes)]));
            if (wanted(KernelName::interleave) || kernels_.empty())
                add(std::make_unique<InterleaveKernel>(forest_, *packed_));
        }
        int64_t scratch = packed_ ? packed_->scratch_cells() * 8 : 0;
        for (const auto& kernel : kernels_) scratch = std::max(scratch, kernel->scratch_bytes());
        scratch_ = std::make_unique<ScratchPool>(scratch);
        for (int64_t rows = 1; rows <= FEW_ROWS; ++rows) for_few_[rows - 1] = cheapest(rows);
    }

    size_t n_kernels() const { return kernels_.size(); }
    const Kernel& kernel(size_t i) const { return *kernels_[i]; }

    // Why a kernel does not take this forest; empty where it does, or was not wanted.
    const std::string& why_not(KernelName name) const { return why_not_[static_cast<int>(name)]; }

    struct Choice {
        const Kernel* kernel;
        double cost;
    };

    // The cheapest for calls of so many rows. Of few rows it is kept, for working it out takes longer than some answers.
    Choice choice(int64_t rows) const {
        return rows >= 1 && rows <= FEW_ROWS ? for_few_[rows - 1] : cheapest(rows);
    }
    const Kernel& kernel_for(int64_t rows) const { return *choice(rows).kernel; }

    int64_t bytes() const {
        int64_t bytes = 0;
        for (const auto& kernel : kernels_) bytes += kernel->bytes();
        return bytes;
    }

    Status predict(const Table& x, void* out, int n_threads) const {
        const Kernel& kernel = kernel_for(x.n);
        const int64_t row_bytes = int64_t{forest_.n_outputs} * (forest_.sums_in_float ? 4 : 8);
        const auto piece = [&](int64_t begin, int64_t end, char* scratch) {
            kernel.predict(x, begin, end, scratch, static_cast<char*>(out) + begin * row_bytes);
        };
        return in_pieces(x.n, kernel.piece_rows(), n_threads, *scratch_, piece);
    }

    Status leaves(const Table& x, int32_t* out, int n_threads) const {
        return in_pieces(x.n, 2048, n_threads, *scratch_, [&](int64_t begin, int64_t end, char* scratch) {
            int32_t* to = out + begin * forest_.n_trees;
            if (packed_) {
                packed_->leaves(x, begin, end, reinterpret_cast<double*>(scratch), to);
            } else {
                walk::leaves(forest_, x, begin, end, to);
            }
        });
    }

  private:
    void add(std::unique_ptr<const Kernel> kernel) {
        if (kernel) kernels_.push_back(std::move(kernel));
    }

    static constexpr int64_t FEW_ROWS = 128;

    Choice cheapest(int64_t rows) const {
        Choice best{nullptr, 0};
        for (const auto& kernel : kernels_) {
            const double cost = kernel->cost(rows);
            if (!best.kernel || cost < best.cost) best = {kernel.get(), cost};
        }
        return best;
    }

    ForestView forest_;
    std::unique_ptr<const interleave::Packed> packed_;
    std::vector<std::unique_ptr<const Kernel>> kernels_;
    std::string why_not_[N_KERNEL_NAMES];
    std::unique_ptr<ScratchPool> scratch_;
    std::array<Choice, FEW_ROWS> for_few_;
};

}  // namespace perfcore
