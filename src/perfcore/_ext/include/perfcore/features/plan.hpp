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
#include "scan.hpp"

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
        needs_times_ |= spec.integer("time", 0) != 0 || after == 2;
        const int first = n_outputs_;
        n_outputs_ += feature->n_outputs();
        uses_.push_back({std::move(feature), columns, first});
        return true;
    }

    const std::vector<Use>& uses() const { return uses_; }
    int n_outputs() const { return n_outputs_; }

    // `columns` and `out` by the table's n rows; `order` null: they lie series by series already. `is_plain`: NaN of any
    // bits are told as one. False: no memory.
    bool run(const double* const* columns, int n_columns, const int64_t* times, int64_t n, const int64_t* order,
             const int64_t* bounds, int64_t n_series, double* const* out, int n_threads, bool is_plain) const {
        try {
            const int64_t n_parts = parts(bounds[n_series], n_series, n_threads, order == nullptr);
            const Sorted sorted(columns, n_columns, needs_times_ ? times : nullptr, n, order, bounds, n_series, n_parts);
            if (n_parts > 1 && bounds[n_series] < n)
                for (int k = 0; k < n_outputs_; k++) std::fill_n(out[k], n, none(is_plain));
            const auto n_uses = int64_t(uses_.size()), n_pieces = n_parts * n_uses;
            std::atomic<int64_t> next{0};
            std::atomic<bool> failed{false};
            const auto work = [&] {
                try {
                    State scratch;
                    std::vector<double> cells;
                    for (int64_t piece; !failed && (piece = next.fetch_add(1)) < n_pieces;) {
                        // Features of the same rows one after another; those whose cells go back to their rows, column
                        // by column.
                        const int64_t part = order == nullptr ? piece / n_uses : piece % n_parts;
                        const int64_t use = order == nullptr ? piece % n_uses : piece / n_parts;
                        run_part(uses_[size_t(use)], sorted, n_series * part / n_parts, n_series * (part + 1) / n_parts,
                                 out, is_plain, scratch, cells);
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
    static double none(bool is_plain) { return is_plain ? not_a_number() : missing(); }

    static constexpr int64_t ROWS = 8192;  // whose cells of a few columns stay in a cache

    static int64_t parts(int64_t n, int64_t n_series, int n_threads, bool lie_in_order) {
        const int64_t least = n_threads <= 1 ? 1 : 4 * n_threads;
        return std::max<int64_t>(1, std::min(n_series, lie_in_order ? std::max(least, n / ROWS) : least));
    }

    // The columns and times series by series; copies only where the rows are in another order.
    struct Sorted {
        Sorted(const double* const* columns, int n_columns, const int64_t* times, int64_t n, const int64_t* order,
               const int64_t* bounds, int64_t n_series, int64_t n_parts)
            : cells(columns, columns + n_columns), times(times), order(order), bounds(bounds), n_rows(n) {
            if (order == nullptr) return;
            const int64_t n_taken = bounds[n_series];
            copies.reset(new double[size_t(n_taken) * size_t(n_columns)]);
            for (int j = 0; j < n_columns; j++) cells[size_t(j)] = copies.get() + j * n_taken;
            if (times != nullptr) times_copy.reset(new int64_t[size_t(n_taken)]);
            this->times = times_copy.get();
            for (int64_t begin = 0; begin < n_taken; begin += AT_ONCE) {
                const int64_t end = std::min(begin + AT_ONCE, n_taken);
                for (int j = 0; j < n_columns; j++)
                    for (int64_t i = begin; i < end; i++) copies[size_t(j * n_taken + i)] = columns[j][order[i]];
                for (int64_t i = begin; i < end && times != nullptr; i++) times_copy[size_t(i)] = times[order[i]];
            }
            if (n_parts > 1) return;
            places.assign(size_t(n), 0);
            for (int64_t i = 0; i < n_taken; i++) places[size_t(order[i])] = i + 1;
        }
        static constexpr int64_t AT_ONCE = 256;  // rows whose places in the order stay at hand for all columns

        std::vector<const double*> cells;
        const int64_t *times, *order, *bounds;
        const int64_t n_rows;
        std::unique_ptr<double[]> copies;
        std::unique_ptr<int64_t[]> times_copy;
        std::vector<int64_t> places;  // of each row, from 1 on; 0: it is left out; empty where threads share the series
    };

    static void run_part(const Use& use, const Sorted& sorted, int64_t begin, int64_t end, double* const* out,
                         bool is_plain, State& scratch, std::vector<double>& cells) {
        const int n_in = use.feature->n_inputs(), n_out = use.feature->n_outputs();
        const int64_t first = sorted.bounds[begin], n = sorted.bounds[end] - first, step = n + 1;
        const bool is_in_order = sorted.order == nullptr;
        const double* columns[MAX_INPUTS];
        double* told[MAX_INPUTS];
        if (!is_in_order && cells.size() < size_t(step) * size_t(n_out)) cells.resize(size_t(step) * size_t(n_out));
        for (int64_t s = begin; s < end; s++) {
            const int64_t at = sorted.bounds[s], length = sorted.bounds[s + 1] - at;
            for (int j = 0; j < n_in; j++) columns[j] = sorted.cells[size_t(use.columns[size_t(j)])] + at;
            for (int k = 0; k < n_out; k++)
                told[k] = is_in_order ? out[use.first_output + k] + at : cells.data() + k * step + 1 + (at - first);
            use.feature->run({columns, sorted.times == nullptr ? nullptr : sorted.times + at, length}, told, scratch);
            for (int k = 0; is_plain && k < n_out; k++) make_plain(told[k], length);
        }
        for (int k = 0; !is_in_order && k < n_out; k++) {
            cells[size_t(k * step)] = none(is_plain);
            give_back(cells.data() + k * step, sorted, first, n, out[use.first_output + k]);
        }
    }

    // Cells series by series to the rows of the table; the first is what rows that are left out get.
    static void give_back(const double* cells, const Sorted& sorted, int64_t first, int64_t n, double* out) {
        // Reads here and there take a third of the time of writes.
        if (!sorted.places.empty())
            for (int64_t row = 0; row < sorted.n_rows; row++) out[row] = cells[sorted.places[size_t(row)]];
        else
            for (int64_t i = 0; i < n; i++) out[sorted.order[first + i]] = cells[i + 1];
    }

    std::vector<Use> uses_;
    int n_outputs_ = 0;
    bool needs_times_ = false;
};

}  // namespace perfcore::features
