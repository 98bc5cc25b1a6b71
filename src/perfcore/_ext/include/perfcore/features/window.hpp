// Windows over a series, by two stacks: nothing that was added is ever subtracted, and a row costs, over time, the same
// for any window.
//
//     oldest                                        newest
//     ┌────────┬────────┬────────┐┌───────┬───────┐
//     │ x1..x3 │ x2..x3 │   x3   ││  x4   │  x5   │  x6 ─▶        the window: one suffix and the back
//     └────────┴────────┴────────┘└───────┴───────┘
//      front: suffixes              back: cells, and all of them together
//
// A row that comes joins the back; one that leaves is the first of the suffixes, dropped. When the front is empty the
// back becomes the front: its suffixes are made from its newest cell to its oldest. With windows of rows this
// happens at every so many rows, whatever cells are missing, so that a batch can make blocks of rows apart.
//
// What is kept of cells is a matter of `M` (chain.hpp).
#pragma once

#include <algorithm>

#include "chain.hpp"
#include "feature.hpp"

namespace perfcore::features {

// A window of `rows`, of `time`, or with neither of all rows; see Spec.
struct Window {
    explicit Window(const Spec& spec)
        : rows(spec.integer("rows", 0)), time(spec.integer("time", 0)), min_periods(spec.integer("min_periods", 1)) {
        const int64_t closed = spec.integer("closed", 2);
        with_left = closed & 1;
        with_present = closed & 2;
    }
    int64_t size() const { return rows + with_left - !with_present; }  // in rows; without the present, those before it

    int64_t rows, time, min_periods;
    bool with_left, with_present;
};

// Whether rows in which a cell is missing come to M, too; as a rule they are left out.
template <typename M>
constexpr bool TAKES_MISSING = false;

template <typename M>
bool is_left_out(const double* cells, bool nan_is_missing) {
    bool has = false;
    for (int j = 0; j < M::CELLS; j++) has |= is_missing(cells[j], nan_is_missing);
    return has && !TAKES_MISSING<M>;
}

// What a window holds: the cells, and what their numbers are relative to.
template <typename M>
struct Held {
    typename M::Kept kept;
    typename M::Anchor anchor;
};

template <typename M>
Held<M> held(const typename M::Kept& front, const typename M::Anchor& front_anchor, const typename M::Kept& back,
             const typename M::Anchor& back_anchor) {
    if (front.n == 0) return {back, back_anchor};
    if (back.n == 0) return {front, front_anchor};
    return {M::join(front, back, front_anchor, back_anchor), back_anchor};
}

// The features below take a `Say`: double operator()(const Held<M>&, const double* present cells) const.

// Windows of rows.
template <typename M, typename Say, bool LONG>
class OfRows : public Feature {
public:
    using Chained = Chain<M, LONG>;

    OfRows(const Spec& spec, const Window& window)
        : say_(spec), size_(window.size()), with_present_(window.with_present), nan_is_missing_(spec.nan_is_missing) {}

    int n_inputs() const override { return M::CELLS; }
    // 0 is room for the whole window, for those who hold a state of fixed size.
    int64_t first_room() const override { return size_ <= FIRST ? 0 : FIRST; }
    size_t state_bytes(int64_t room) const override { return bytes_of(slots_in(room)); }
    void reset(void* state, int64_t room) const override {
        std::memset(state, 0, state_bytes(room));
        begin(state, slots_in(room));
    }
    void move_to(const void* state, void* larger, int64_t room) const override {
        const Head& from = *static_cast<const Head*>(state);
        std::memcpy(larger, state, bytes_of(from.n_slots));
        static_cast<Head*>(larger)->n_slots = slots_in(room);
    }
    bool is_ready(const void* state) const override {
        return static_cast<const Head*>(state)->n_seen >= size_ + !with_present_;
    }
    bool is_state(const void* bytes, int64_t room) const override {
        const Head& head = *static_cast<const Head*>(bytes);
        if (head.n_slots != slots_in(room) || head.n_seen < 0 || head.n_seen > INT64_MAX / 2) return false;
        if (head.n_slots < size_ && head.n_seen > head.n_slots) return false;
        const bool is_new = head.n_seen == 0 || size_ == 0;
        return head.at == (is_new ? 0 : (head.n_seen - 1) % size_ + 1) && head.back.is_state();
    }
    // The block of rows that the front is made of, and the one that is begun, are all there is.
    int64_t forgotten(int64_t n) const override {
        return size_ == 0 ? 0 : std::max<int64_t>(0, (n - 1) / size_ - 1) * size_;
    }
    void skip(void* state, int64_t n) const override { static_cast<Head*>(state)->n_seen = n; }
    bool step(void* state, const double* cells, int64_t, double* out) const override {
        Head& head = *static_cast<Head*>(state);
        if (head.at == head.n_slots && head.at < size_) return false;
        one(head, cells, out);
        return true;
    }
    void run(const Series& series, double* const* out, State& scratch) const override {
        loop(first(scratch, series.n), series, 0, series.n, out[0]);
    }

protected:
    union Slot {
        double cells[M::CELLS];     // of the back
        typename M::Kept kept;      // of the front: this cell, and those after it in the front
    };
    struct Head {
        int64_t n_slots;     // of the window's; all of them, when it turns over
        int64_t at, n_seen;  // where the next cell goes: what is before it is the back, what is behind it the front
        typename M::Anchor front_anchor;
        Chained back;
    };
    static constexpr int64_t FIRST = 64;  // rows

    int64_t slots_in(int64_t room) const { return room == 0 ? size_ : std::min(room, size_); }
    static size_t bytes_of(int64_t n_slots) { return sizeof(Head) + size_t(n_slots) * sizeof(Slot); }
    static Head& begin(void* state, int64_t n_slots) {
        Head& head = *new (state) Head;
        head.n_slots = n_slots;
        head.at = head.n_seen = 0;
        head.front_anchor = {};
        head.back.reset();
        return head;
    }
    // A state for a series of n rows; its slots are as they were.
    Head& first(State& scratch, int64_t n) const {
        const int64_t n_slots = std::min(n, size_);
        return begin(scratch.at_least(bytes_of(n_slots)), n_slots);
    }

    void loop(Head& head, const Series& series, int64_t begin, int64_t end, double* out) const {
        double cells[M::CELLS];
        for (int64_t i = begin; i < end;) {
            if (head.at < size_) {
                const int64_t stop = std::min(end, i + size_ - head.at);
                with_present_ ? until<true>(head, series, i, stop, out) : until<false>(head, series, i, stop, out);
                i = stop;
            } else {
                for (int j = 0; j < M::CELLS; j++) cells[j] = series.columns[j][i];
                one(head, cells, out + i++);
            }
        }
    }
    // Rows before the stacks turn over: `one` of each, with the back in registers.
    template <bool WITH_PRESENT>
    void until(Head& head, const Series& series, int64_t begin, int64_t end, double* out) const {
        Slot* const slots = slots_of(head);
        const bool has_front = head.n_seen >= size_;
        const typename M::Anchor front_anchor = head.front_anchor;
        Chained back = head.back;
        int64_t at = head.at;
        double cells[M::CELLS];
        const auto say = [&] {
            const Held<M> of_back{back.kept(), back.anchor()};
            return say_(has_front && at < size_ ? held<M>(slots[at].kept, front_anchor, of_back.kept, of_back.anchor)
                                                : of_back, cells);
        };
        for (int64_t i = begin; i < end; i++) {
            for (int j = 0; j < M::CELLS; j++) cells[j] = series.columns[j][i];
            if (!WITH_PRESENT) out[i] = say();
            for (int j = 0; j < M::CELLS; j++) slots[at].cells[j] = cells[j];
            if (!is_left_out<M>(cells, nan_is_missing_)) back.push(cells);
            at++;
            if (WITH_PRESENT) out[i] = say();
        }
        head.back = back;
        head.at = at;
        head.n_seen += end - begin;
    }
    void one(Head& head, const double* cells, double* out) const {
        if (!with_present_) *out = say_(now(head), cells);
        if (size_ > 0) push(head, cells);
        if (with_present_) *out = say_(now(head), cells);
        head.n_seen++;
    }
    void push(Head& head, const double* cells) const {
        Slot* slots = slots_of(head);
        if (head.at == size_) flip(head);
        std::memcpy(slots[head.at].cells, cells, sizeof slots->cells);
        if (!is_left_out<M>(cells, nan_is_missing_)) head.back.push(cells);
        head.at++;
    }
    void flip(Head& head) const {
        Slot* slots = slots_of(head);
        Chained chain;
        chain.reset();
        for (int64_t i = size_ - 1; i > 0; i--) {
            if (!is_left_out<M>(slots[i].cells, nan_is_missing_)) chain.push(slots[i].cells);
            slots[i].kept = chain.kept();
        }
        head.front_anchor = chain.anchor();
        head.back.reset();
        head.at = 0;
    }
    Held<M> now(const Head& head) const {
        const bool has_front = head.n_seen >= size_ && head.at < head.n_slots;  // fewer where rows were skipped
        const Held<M> back{head.back.kept(), head.back.anchor()};
        if (!has_front) return back;
        return held<M>(slots_of(head)[head.at].kept, head.front_anchor, back.kept, back.anchor);
    }
    static Slot* slots_of(Head& head) { return reinterpret_cast<Slot*>(&head + 1); }
    static const Slot* slots_of(const Head& head) { return reinterpret_cast<const Slot*>(&head + 1); }

    const Say say_;
    const int64_t size_;
    const bool with_present_, nan_is_missing_;
};

// All rows so far.
template <typename M, typename Say>
class OfAll : public Fixed<OfAll<M, Say>, Chain<M, M::LADDER>> {
public:
    using Chained = Chain<M, M::LADDER>;

    OfAll(const Spec& spec, const Window& window)
        : say_(spec), with_present_(window.with_present), nan_is_missing_(spec.nan_is_missing) {}
    int n_inputs() const override { return M::CELLS; }
    size_t bytes() const { return sizeof(Chained); }
    void reset(void* state, int64_t) const override {
        std::memset(state, 0, sizeof(Chained));
        (new (state) Chained)->reset();
    }
    bool is_ready(const void*) const override { return true; }
    bool is_state(const void* bytes, int64_t) const override { return static_cast<const Chained*>(bytes)->is_state(); }
    void one(Chained& chain, const double* cells, double* out) const {
        if (!with_present_) *out = say_(Held<M>{chain.kept(), chain.anchor()}, cells);
        if (!is_left_out<M>(cells, nan_is_missing_)) chain.push(cells);
        if (with_present_) *out = say_(Held<M>{chain.kept(), chain.anchor()}, cells);
    }

private:
    const Say say_;
    const bool with_present_, nan_is_missing_;
};

// Windows of time. Where the present is not in the window, rows of its time wait until a later one comes. `of_newest`: what
// is said of a cell in its window is of the newest one in it, not of the present one.
template <typename M, typename Say>
class OfTime : public Feature {
public:
    using Chained = Chain<M, M::LADDER>;

    OfTime(const Spec& spec, const Window& window)
        : say_(spec), time_(uint64_t(window.time)), with_left_(window.with_left), with_present_(window.with_present),
          of_newest_(spec.integer("of_newest", 0) != 0), nan_is_missing_(spec.nan_is_missing) {}

    int n_inputs() const override { return M::CELLS; }
    int64_t first_room() const override { return 16; }
    size_t state_bytes(int64_t room) const override { return sizeof(Head) + size_t(room) * sizeof(Slot); }
    void reset(void* state, int64_t room) const override {
        std::memset(state, 0, state_bytes(room));
        Head& head = *new (state) Head;
        head.room = room;
        head.at = head.n_front = head.n_back = head.n_waiting = head.n_seen = head.first = head.last = 0;
        head.front_anchor = {};
        head.back.reset();
    }
    void move_to(const void* state, void* larger, int64_t room) const override {
        Head& head = *static_cast<Head*>(larger);
        const Head& old = *static_cast<const Head*>(state);
        head = old;
        head.room = room;
        head.at = 0;
        for (int64_t i = 0; i < rows_of(old); i++) *slot(head, i) = *slot(old, i);
    }
    bool is_ready(const void* state) const override {
        const Head& head = *static_cast<const Head*>(state);
        return head.n_seen > 0 && age(head.last, head.first) >= time_;
    }
    bool is_state(const void* bytes, int64_t room) const override {
        const Head& head = *static_cast<const Head*>(bytes);
        const auto is_count = [&](int64_t n) { return n >= 0 && n <= room; };
        return head.room == room && head.at >= 0 && head.at < room && is_count(head.n_front) && is_count(head.n_back) &&
               is_count(head.n_waiting) && rows_of(head) <= room && head.n_seen >= 0 &&
               head.n_seen <= INT64_MAX / 2 && head.back.is_state();
    }
    bool step(void* state, const double* cells, int64_t time, double* out) const override {
        Head& head = *static_cast<Head*>(state);
        if (rows_of(head) == head.room && !leaves(*slot(head, 0), time)) return false;
        if (head.n_seen == 0) head.first = time;
        if (!with_present_ && head.n_waiting > 0 && time != head.last) take_waiting(head);
        drop(head, time);
        Slot& own = *slot(head, rows_of(head));
        own.time = time;
        std::memcpy(own.cells, cells, sizeof own.cells);
        if (with_present_) take(head, own);
        else head.n_waiting++;
        head.last = time;
        head.n_seen++;
        *out = say_(now(head), of_newest_ ? head.newest : cells);
        return true;
    }

private:
    struct Slot {
        int64_t time;
        union {
            double cells[M::CELLS];  // of the back, or waiting
            typename M::Kept kept;   // of the front
        };
    };
    struct Head {
        int64_t room, at;                     // where the oldest row is
        int64_t n_front, n_back, n_waiting;   // in this order from there on
        int64_t n_seen, first, last;          // rows, and times of the first and the last
        double newest[M::CELLS];              // of those that waited
        typename M::Anchor front_anchor;
        Chained back;
    };

    static uint64_t age(int64_t now, int64_t then) { return uint64_t(now) - uint64_t(then); }
    bool leaves(const Slot& slot, int64_t now) const {
        return with_left_ ? age(now, slot.time) > time_ : age(now, slot.time) >= time_;
    }
    static int64_t rows_of(const Head& head) { return head.n_front + head.n_back + head.n_waiting; }
    static const Slot* slot(const Head& head, int64_t i) {
        const int64_t at = head.at + i;
        return reinterpret_cast<const Slot*>(&head + 1) + (at < head.room ? at : at - head.room);
    }
    static Slot* slot(Head& head, int64_t i) { return const_cast<Slot*>(slot(const_cast<const Head&>(head), i)); }

    void take(Head& head, const Slot& row) const {
        if (!is_left_out<M>(row.cells, nan_is_missing_)) head.back.push(row.cells);
        head.n_back++;
    }
    void take_waiting(Head& head) const {
        std::memcpy(head.newest, slot(head, rows_of(head) - 1)->cells, sizeof head.newest);
        for (; head.n_waiting > 0; head.n_waiting--) take(head, *slot(head, head.n_front + head.n_back));
    }
    void drop(Head& head, int64_t now) const {
        const auto drop_from = [&](int64_t& n) {
            bool dropped = false;
            for (; n > 0 && leaves(*slot(head, 0), now); n--, dropped = true)
                head.at = head.at + 1 == head.room ? 0 : head.at + 1;
            return dropped;
        };
        drop_from(head.n_front);
        if (head.n_front == 0 && drop_from(head.n_back)) flip(head);
    }
    void flip(Head& head) const {
        Chained chain;
        chain.reset();
        for (int64_t i = head.n_back - 1; i >= 0; i--) {
            Slot& row = *slot(head, i);
            if (!is_left_out<M>(row.cells, nan_is_missing_)) chain.push(row.cells);
            row.kept = chain.kept();
        }
        head.front_anchor = chain.anchor();
        head.n_front = head.n_back;
        head.n_back = 0;
        head.back.reset();
    }
    Held<M> now(const Head& head) const {
        if (head.n_front == 0) return {head.back.kept(), head.back.anchor()};
        return held<M>(slot(head, 0)->kept, head.front_anchor, head.back.kept(), head.back.anchor());
    }

    const Say say_;
    const uint64_t time_;
    const bool with_left_, with_present_, of_newest_, nan_is_missing_;
};

constexpr int64_t SHORT = 64;  // rows whose roundings need no ladder

// `Short` and `Long`: what windows of few rows and of many are made by; `Timed` and `All`: those of time and of all rows.
template <typename M, typename Say, typename Short = OfRows<M, Say, false>, typename Long = OfRows<M, Say, M::LADDER>,
          typename Timed = OfTime<M, Say>, typename All = OfAll<M, Say>>
std::unique_ptr<Feature> over_window(const Spec& spec) {
    const Window window(spec);
    if (window.time > 0) return std::make_unique<Timed>(spec, window);
    if (window.rows == 0) return std::make_unique<All>(spec, window);
    if (window.size() <= SHORT) return std::make_unique<Short>(spec, window);
    return std::make_unique<Long>(spec, window);
}

}  // namespace perfcore::features
