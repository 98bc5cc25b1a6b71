// The rows that a window holds: which come in and which go out as rows pass.
//
//     rows   ... out │ oldest ... in the window ... │ entering ... newest      those of the present wait to enter
//                                                                              where the window is open at its right
//
// A feature of them keeps a content (numbers in order, candidates for an extremum) that takes a cell in, lets one go,
// and says; one that GROWS has a room as the feature's. Row by row they lie in a ring; in a batch they are the
// column's own.
#pragma once

#include <algorithm>

#include "window.hpp"

namespace perfcore::features {

// When rows leave and enter a window.
struct Span : Window {
    using Window::Window;

    bool is_all() const { return rows == 0 && time == 0; }
    int64_t most() const { return rows + with_left; }  // held at once, of a window of rows; those that wait, too

    // Whether row r, of time `then`, has left when row i, of time `now`, comes.
    bool is_out(int64_t r, int64_t then, int64_t i, int64_t now) const {
        if (rows != 0) return r < i - rows + 1 - with_left;
        if (time == 0) return false;
        const uint64_t age = uint64_t(now) - uint64_t(then);  // of times at the two ends of what there is, too
        return with_left ? age > uint64_t(time) : age >= uint64_t(time);
    }
    // Whether it has entered, of those before i.
    bool is_in(int64_t then, int64_t now) const { return with_present || time == 0 || then < now; }
};

// How many cells of the window are there, and how many of them are NaN.
struct Tally {
    int64_t n_cells, n_nan;

    // Whether the cell is a number, and so one of the content.
    bool count(double x, bool nan_is_missing, int64_t by) {
        const bool is_number = x == x, is_nan = !is_number & !is_missing(x, nan_is_missing);
        n_cells += (is_number | is_nan) * by;
        n_nan += is_nan * by;
        return is_number;
    }
};

struct Placed {  // a cell of the window
    double x;
    int64_t row;
};

inline int64_t power_of_two(int64_t least) {
    int64_t power = 1;
    while (power < least) power *= 2;
    return power;
}

// Content: a view over bytes; `insert(x, row)`, `erase(x, row)`, `replace(old, old_row, x, row)`. Own: `tell(content,
// newest)`, what is said of cells that are enough, of which none is NaN.
template <typename Own, typename Content>
class OfCells : public Feature {
public:
    explicit OfCells(const Spec& spec)
        : span_(spec), none_(spec.none()), nan_is_missing_(spec.nan_is_missing) {
        span_.min_periods = std::max<int64_t>(1, span_.min_periods);  // no cells have no order
    }

    int64_t first_room() const override {
        if (!Content::GROWS) return 0;
        return span_.rows == 0 ? FIRST : std::min(FIRST, power_of_two(span_.most()));
    }
    size_t state_bytes(int64_t room) const override {
        return sizeof(Head) + size_t(ring(room)) * (span_.time != 0 ? 2 : 1) * sizeof(double) + Content::bytes(room);
    }
    void reset(void* state, int64_t room) const override {
        std::memset(state, 0, state_bytes(room));
        static_cast<Head*>(state)->room = room;
        View(*this, state).content.reset(room);
    }
    void move_to(const void* state, void* larger, int64_t room) const override {
        if (!Content::GROWS) return Feature::move_to(state, larger, room);
        View from(*this, const_cast<void*>(state)), to(*this, larger);
        for (int64_t r = std::max(from.head.oldest, from.head.newest - from.mask - 1); r < from.head.newest; r++) {
            to.cells[r & to.mask] = from.cells[r & from.mask];
            if (span_.time != 0) to.times[r & to.mask] = from.times[r & from.mask];
        }
        room = to.head.room;
        to.head = from.head;
        to.head.room = room;
        to.content.copy_from(from.content);
    }

    int64_t forgotten(int64_t n) const override {
        return span_.rows == 0 ? 0 : std::max<int64_t>(0, n - span_.most());
    }
    void skip(void* state, int64_t n) const override {
        Head& head = *static_cast<Head*>(state);
        head.oldest = head.entering = head.newest = n;
    }
    bool step(void* state, const double* cells, int64_t now, double* out) const override {
        View of(*this, state);
        Head& head = of.head;
        const int64_t i = head.newest;
        int64_t oldest = head.oldest;
        while (oldest < i && span_.is_out(oldest, of.time(oldest), i, now)) oldest++;
        if (Content::GROWS && i + 1 - oldest > head.room) return false;
        for (int64_t r = head.oldest; r < std::min(oldest, head.entering); r++)
            leave(head.tally, of.content, of.cell(r), r);
        head.oldest = oldest;
        head.entering = std::max(head.entering, oldest);
        for (; head.entering < i && span_.is_in(of.time(head.entering), now); head.entering++)
            enter(head.tally, of.content, of.cell(head.entering), head.entering);
        const double newest = head.entering == oldest ? missing() : of.cell(head.entering - 1);
        of.cell(i) = cells[0];
        if (span_.time != 0) of.times[i & of.mask] = now;
        head.newest++;
        if (span_.with_present) enter(head.tally, of.content, cells[0], head.entering++);
        out[0] = answer(head.tally, of.content, span_.with_present ? cells[0] : newest);
        return true;
    }

    bool is_ready(const void* state) const override {
        const Head& head = *static_cast<const Head*>(state);
        return span_.rows != 0 ? head.newest >= span_.most() : span_.time == 0 || head.oldest > 0;
    }

    bool is_state(const void* bytes, int64_t room) const override {
        const Head& head = *static_cast<const Head*>(bytes);
        if (head.room != room || head.oldest < 0 || head.oldest > head.entering || head.entering > head.newest ||
            head.newest > INT64_MAX / 2 || (Content::GROWS && head.newest - head.oldest > room))
            return false;
        View of(*this, const_cast<void*>(bytes));
        if (head.newest - head.entering > of.mask + 1) return false;
        Tally tally{};
        std::vector<Placed> placed;
        for (int64_t r = std::max(head.oldest, head.newest - of.mask - 1); r < head.entering; r++)
            if (tally.count(of.cell(r), nan_is_missing_, 1)) placed.push_back({of.cell(r), r});
        if (!span_.is_all()) {
            return tally.n_cells == head.tally.n_cells && tally.n_nan == head.tally.n_nan &&
                   of.content.is_of(placed.data(), int64_t(placed.size()), room);
        }
        return head.tally.n_nan >= 0 && head.tally.n_cells >= head.tally.n_nan && head.tally.n_cells <= head.entering &&
               of.content.is_of(nullptr, head.tally.n_cells - head.tally.n_nan, room);
    }

    void run(const Series& series, double* const* out, State& scratch) const override {
        scratch.reset(*this, power_of_two(most_of(series)));
        View of(*this, scratch.data());
        if (span_.rows != 0) {
            run_rows(series.columns[0], series.n, out[0], of.content);
        } else {
            run_times(series.columns[0], series.times, series.n, out[0], of.content);
        }
    }

protected:
    static constexpr int64_t FIRST = 64;  // rows

    const Own& own() const { return static_cast<const Own&>(*this); }

    template <typename Cells>
    double answer(const Tally& tally, Cells& content, double newest) const {
        if (tally.n_cells < span_.min_periods) return none_;
        if (tally.n_nan != 0) return not_a_number();
        const double told = own().tell(content, newest);
        return bits_of(told) == MISSING_BITS ? none_ : plain(told);
    }

    // The cells of the window are those of n_held rows, the last of them `n_after` before the row that is told of it.
    void rows_held(int64_t* n_held, int64_t* n_after) const {
        *n_after = span_.with_present ? 0 : 1;
        *n_held = span_.size();
    }

    Span span_;
    const double none_;  // what is not there; a plain NaN to those who know no other
    const bool nan_is_missing_;

private:
    struct Head {
        int64_t room, oldest, entering, newest;
        Tally tally;
    };

    int64_t ring(int64_t room) const { return span_.is_all() ? 2 : room; }  // no row is let go: no cell is needed again

    struct View {
        View(const OfCells& feature, void* state)
            : head(*static_cast<Head*>(state)),
              mask(feature.ring(head.room) - 1),
              cells(reinterpret_cast<double*>(&head + 1)),
              times(feature.span_.time == 0 ? nullptr : reinterpret_cast<int64_t*>(cells + mask + 1)),
              content(cells + (mask + 1) * (times == nullptr ? 1 : 2), head.room) {}
        double& cell(int64_t r) { return cells[r & mask]; }
        int64_t time(int64_t r) const { return times == nullptr ? 0 : times[r & mask]; }

        Head& head;
        const int64_t mask;
        double* const cells;
        int64_t* const times;
        Content content;
    };

    void enter(Tally& tally, Content& content, double x, int64_t row) const {
        if (tally.count(x, nan_is_missing_, 1)) content.insert(x, row);
    }
    void leave(Tally& tally, Content& content, double x, int64_t row) const {
        if (tally.count(x, nan_is_missing_, -1)) content.erase(x, row);
    }

    static int64_t time_of(const int64_t* times, int64_t i) { return times == nullptr ? 0 : times[i]; }

    int64_t most_of(const Series& series) const {
        if (span_.is_all()) return series.n;
        if (span_.rows != 0) return std::min(series.n, span_.most());
        int64_t most = 0;
        for (int64_t i = 0, oldest = 0; i < series.n; i++) {
            const int64_t now = time_of(series.times, i);
            while (oldest < i && span_.is_out(oldest, time_of(series.times, oldest), i, now)) oldest++;
            most = std::max(most, i + 1 - oldest);
        }
        return most;
    }

    void run_rows(const double* cells, int64_t n, double* out, Content& content) const {
        int64_t n_held, n_after;
        rows_held(&n_held, &n_after);
        Tally tally{};
        for (int64_t i = 0; i < n; i++) {
            const int64_t in = i - n_after, gone = in - n_held;
            if (in < 0 || n_held == 0) {
                out[i] = none_;
                continue;
            }
            const double x = cells[in];
            if (gone >= 0 && x == x && cells[gone] == cells[gone]) {
                content.replace(cells[gone], gone, x, in);
            } else {
                if (gone >= 0) leave(tally, content, cells[gone], gone);
                enter(tally, content, x, in);
            }
            out[i] = answer(tally, content, x);
        }
    }

    void run_times(const double* cells, const int64_t* times, int64_t n, double* out, Content& content) const {
        Tally tally{};
        int64_t oldest = 0, entering = 0;
        for (int64_t i = 0; i < n; i++) {
            const int64_t now = time_of(times, i);
            for (; oldest < i && span_.is_out(oldest, time_of(times, oldest), i, now); oldest++)
                if (oldest < entering) leave(tally, content, cells[oldest], oldest);
            entering = std::max(entering, oldest);
            for (; entering < i && span_.is_in(time_of(times, entering), now); entering++)
                enter(tally, content, cells[entering], entering);
            if (span_.with_present) enter(tally, content, cells[i], entering++);
            out[i] = answer(tally, content, entering == oldest ? missing() : cells[entering - 1]);
        }
    }
};

}  // namespace perfcore::features
