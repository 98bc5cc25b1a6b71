// Features of a table's columns, over many series at once.
//
//     rows of a table      series by series (`order`: the rows of the first, then of the second, ...)
//     ┌───────┐            ┌───────┐ bounds[0]
//     │ a 1   │            │ a 1   │
//     │ b 1   │   ──▶      │ a 2   │        each feature runs over each series;
//     │ a 2   │            ├───────┤ bounds[1]        its cells go back to their rows
//     │ b 2   │            │ b 1   │
//     └───────┘            │ b 2   │
//                          └───────┘ bounds[2]
//
// Threads share out features and runs of whole series, so that the bits are the same for any number of them.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

#include "after.hpp"

namespace perfcore::features {

struct Use {
    std::unique_ptr<Feature> feature;
    std::vector<int> columns;
    int first_output;
};

class Plan {
public:
    // False: there is no such kind.
    bool add(const Spec& spec, const std::vector<int>& columns) {
        const int64_t after = spec.integer("after", 0);
        auto feature = after == 0 ? make(spec) : make_after(spec, after == 2);
        if (feature == nullptr) return false;
        const int first = n_outputs_;
        n_outputs_ += feature->n_outputs();
        uses_.push_back({std::move(feature), columns, first});
        return true;
    }

    const std::vector<Use>& uses() const { return uses_; }
    int n_outputs() const { return n_outputs_; }

    // `columns` and `out` by the table's rows; `order` null: they lie series by series already. False: no memory.
    bool run(const double* const* columns, int n_columns, const int64_t* times, const int64_t* order,
             const int64_t* bounds, int64_t n_series, double* const* out, int n_threads) const {
        try {
            const Sorted sorted(columns, n_columns, times, order, bounds[n_series]);
            const int64_t n_parts = parts(n_series, n_threads), n_pieces = n_parts * int64_t(uses_.size());
            std::atomic<int64_t> next{0};
            std::atomic<bool> failed{false};
            const auto work = [&] {
                try {
                    State scratch;
                    std::vector<double> cells;
                    for (int64_t piece; !failed && (piece = next.fetch_add(1)) < n_pieces;) {
                        const int64_t part = piece % n_parts, begin = n_series * part / n_parts,
                                      end = n_series * (part + 1) / n_parts;
                        run_part(uses_[size_t(piece / n_parts)], sorted, order, bounds, begin, end, out, scratch, cells);
                    }
                } catch (const std::bad_alloc&) {
                    failed = true;
                }
            };
            std::vector<std::thread> threads;
            try {
                for (int i = 1; i < std::min<int64_t>(n_threads, n_pieces); i++) threads.emplace_back(work);
            } catch (const std::exception&) {  // a thread that cannot be had is done without
            }
            work();
            for (auto& thread : threads) thread.join();
            return !failed;
        } catch (const std::bad_alloc&) {
            return false;
        }
    }

    // One series of the first feature's columns, in their order, and nothing beside it. Throws std::bad_alloc.
    void run_alone(const double* const* columns, int64_t n, double* const* out) const {
        State scratch;
        uses_[0].feature->run({columns, nullptr, n}, out, scratch);
    }

    // One series row by row, as a stream has it: what `run` must give. Throws std::bad_alloc.
    void run_steps(const double* const* columns, const int64_t* times, int64_t n, double* const* out) const {
        State state;
        const double* cells[MAX_INPUTS];
        for (const Use& use : uses_) {
            for (size_t j = 0; j < use.columns.size(); j++) cells[j] = columns[use.columns[j]];
            use.feature->Feature::run({cells, times, n}, out + use.first_output, state);
        }
    }

private:
    static int64_t parts(int64_t n_series, int n_threads) {
        return n_threads <= 1 ? 1 : std::max<int64_t>(1, std::min<int64_t>(n_series, 4 * n_threads));
    }

    // The columns and times series by series; copies only where the rows are in another order.
    struct Sorted {
        Sorted(const double* const* columns, int n_columns, const int64_t* times, const int64_t* order, int64_t n)
            : cells(columns, columns + n_columns), times(times) {
            if (order == nullptr) return;
            copies.reserve(size_t(n_columns));
            for (int j = 0; j < n_columns; j++) {
                copies.emplace_back(size_t(n));
                for (int64_t i = 0; i < n; i++) copies.back()[size_t(i)] = columns[j][order[i]];
                cells[size_t(j)] = copies.back().data();
            }
            if (times == nullptr) return;
            times_copy.resize(size_t(n));
            for (int64_t i = 0; i < n; i++) times_copy[size_t(i)] = times[order[i]];
            this->times = times_copy.data();
        }
        std::vector<const double*> cells;
        const int64_t* times;
        std::vector<std::vector<double>> copies;
        std::vector<int64_t> times_copy;
    };

    static void run_part(const Use& use, const Sorted& sorted, const int64_t* order, const int64_t* bounds, int64_t begin,
                         int64_t end, double* const* out, State& scratch, std::vector<double>& cells) {
        const int n_in = use.feature->n_inputs(), n_out = use.feature->n_outputs();
        const int64_t first = bounds[begin], n = bounds[end] - first;
        const double* columns[MAX_INPUTS];
        double* told[MAX_INPUTS];
        if (order != nullptr) cells.resize(size_t(n) * size_t(n_out));
        for (int64_t s = begin; s < end; s++) {
            for (int j = 0; j < n_in; j++) columns[j] = sorted.cells[size_t(use.columns[size_t(j)])] + bounds[s];
            for (int k = 0; k < n_out; k++)
                told[k] = order == nullptr ? out[use.first_output + k] + bounds[s] : cells.data() + k * n + (bounds[s] - first);
            const int64_t* times = sorted.times == nullptr ? nullptr : sorted.times + bounds[s];
            use.feature->run({columns, times, bounds[s + 1] - bounds[s]}, told, scratch);
        }
        if (order == nullptr) return;
        for (int k = 0; k < n_out; k++)
            for (int64_t i = 0; i < n; i++) out[use.first_output + k][order[first + i]] = cells[size_t(k * n + i)];
    }

    std::vector<Use> uses_;
    int n_outputs_ = 0;
};

}  // namespace perfcore::features
