// One forest, the kernels it can run on, and the choice between them.
#pragma once

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>

#include "bitslice/bitslice.hpp"
#include "bitslice/planner.hpp"
#include "forest.hpp"
#include "interleave.hpp"
#include "threads.hpp"
#include "walk.hpp"

namespace perfcore {

enum class KernelName : int { automatic = 0, walk = 1, interleave = 2, bitslice = 3 };
enum class InstructionSet : int { portable = 0, avx512 = 2 };

inline bool runs_here(InstructionSet isa) { return isa == InstructionSet::portable || bitslice::avx512::supported(); }

// Scratch space is kept from call to call: a fresh half megabyte costs more in page faults than 100 rows take.
// Without a lock: one that another thread holds while the process forks would never be free in the child.
class ScratchPool {
  public:
    explicit ScratchPool(int64_t bytes) : bytes_(static_cast<size_t>(bytes)) {}
    ~ScratchPool() {
        for (std::atomic<void*>& place : kept_) ::operator delete(place.load(), ALIGNMENT);
    }
    ScratchPool(const ScratchPool&) = delete;
    ScratchPool& operator=(const ScratchPool&) = delete;

    char* take() {
        for (std::atomic<void*>& place : kept_)
            if (place.load(std::memory_order_relaxed))
                if (void* block = place.exchange(nullptr)) return static_cast<char*>(block);
        void* block = ::operator new(bytes_, ALIGNMENT, std::nothrow);
        if (block) std::memset(block, 0, bytes_);
        return static_cast<char*>(block);
    }

    void give(char* block) {
        for (std::atomic<void*>& place : kept_) {
            void* none = nullptr;
            if (place.compare_exchange_strong(none, block)) return;
        }
        ::operator delete(block, ALIGNMENT);
    }

  private:
    static constexpr std::align_val_t ALIGNMENT{4096};
    const size_t bytes_;
    std::array<std::atomic<void*>, 64> kept_{};
};

class Kernel {
  public:
    Kernel(const ForestView& forest, KernelName name, InstructionSet isa) : forest_(forest), isa_(isa) {
        if (name == KernelName::walk || forest.n_trees == 0) return;
        packed_ = std::make_unique<const interleave::Packed>(forest_);
        cells_ = std::make_unique<ScratchPool>(packed_->scratch_cells() * 8);
        if (name == KernelName::interleave) return;
        const bool wide = isa == InstructionSet::avx512;
        // Slicing costs in proportion to a tree's leaves, walking to their logarithm.
        const int64_t most_leaves = wide ? 2000 : 600;
        if (name == KernelName::automatic && forest.n_leaves > most_leaves * forest.n_trees) return;
        auto plan = std::make_unique<bitslice::Plan>();
        if (!bitslice::Planner(forest_, wide ? bitslice::avx512::LEAVES : bitslice::portable::LEAVES).build(*plan)) return;
        run_ = wide ? bitslice::avx512::predict : bitslice::portable::predict;
        // A block costs the same however few rows it holds: as much as interleaved walks of about so many.
        least_rows_ = name == KernelName::bitslice ? 1 : wide ? 16 : 48;
        planes_ = std::make_unique<ScratchPool>(plan->scratch_bytes());
        plan_ = std::move(plan);
    }

    KernelName name() const {
        return plan_ ? KernelName::bitslice : packed_ ? KernelName::interleave : KernelName::walk;
    }
    InstructionSet isa() const { return plan_ ? isa_ : InstructionSet::portable; }
    int64_t bytes() const { return (plan_ ? plan_->bytes() : 0) + (packed_ ? packed_->bytes() : 0); }
    int64_t n_questions() const { return plan_ ? plan_->n_masks : 0; }
    int64_t n_instructions() const { return plan_ ? static_cast<int64_t>(plan_->ops.size()) : 0; }

    Status predict(const Table& x, void* out, int n_threads) const {
        return forest_.sums_in_float ? predict_as<float>(x, out, n_threads) : predict_as<double>(x, out, n_threads);
    }

    Status leaves(const Table& x, int32_t* out, int n_threads) const {
        const auto at = [&](int64_t row) { return out + row * forest_.n_trees; };
        if (!packed_)
            return in_pieces(x.n, 1024, n_threads, [&](int64_t begin, int64_t end) {
                walk::leaves(forest_, x, begin, end, at(begin));
                return Status::ok;
            });
        return in_pieces(x.n, 2048, n_threads, [&](int64_t begin, int64_t end) {
            return with_scratch(*cells_, [&](char* cells) {
                packed_->leaves(x, begin, end, reinterpret_cast<double*>(cells), at(begin));
            });
        });
    }

  private:
    template <typename Work>
    static Status with_scratch(ScratchPool& pool, const Work& work) {
        char* scratch = pool.take();
        if (!scratch) return Status::out_of_memory;
        work(scratch);
        pool.give(scratch);
        return Status::ok;
    }

    template <typename Real>
    Status predict_as(const Table& x, void* out, int n_threads) const {
        const auto at = [&](int64_t row) { return static_cast<Real*>(out) + row * forest_.n_outputs; };
        if (plan_ && x.n >= least_rows_)
            return in_pieces(x.n, plan_->block_rows(), n_threads, [&](int64_t begin, int64_t end) {
                return with_scratch(*planes_, [&](char* planes) { run_(*plan_, x, begin, end, planes, at(begin)); });
            });
        if (packed_)
            return in_pieces(x.n, 2048, n_threads, [&](int64_t begin, int64_t end) {
                return with_scratch(*cells_, [&](char* cells) {
                    packed_->predict(x, begin, end, reinterpret_cast<double*>(cells), at(begin));
                });
            });
        return in_pieces(x.n, 1024, n_threads, [&](int64_t begin, int64_t end) {
            walk::predict(forest_, x, begin, end, at(begin));
            return Status::ok;
        });
    }

    ForestView forest_;
    InstructionSet isa_;
    std::unique_ptr<const interleave::Packed> packed_;
    std::unique_ptr<const bitslice::Plan> plan_;
    std::unique_ptr<ScratchPool> cells_, planes_;
    bitslice::Predict run_ = nullptr;
    int64_t least_rows_ = 0;
};

}  // namespace perfcore
