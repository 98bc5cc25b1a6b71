// Cells one after another, as one thing. A long one has a ladder of sums, each of GROUP of the step below: roundings
// grow with the logarithm of its length.
//
// What is kept of cells is a matter of `M` (moments.hpp has some):
//
//     M::CELLS                              columns that it takes
//     M::LADDER                             whether its roundings grow with the number of cells
//     M::Anchor, M::anchor(cells)           what its numbers are relative to: a cell that is among them
//     M::Body, M::nothing()                 what it says of some cells; `n` is how many they are
//     M::push(body, anchor, cells)          one more cell
//     M::add(body, more)                    the cells of `more`, of the same anchor, come to those of `body`
//     M::Kept, M::kept(body)                what is kept of it in the front; `n`
//     M::kept(body, more)                   of both together
//     M::join(front, back, front's anchor, back's anchor)   of both, relative to the back's
#pragma once

#include <cstdint>

namespace perfcore::features {

template <typename M, bool LONG>
class Chain;

template <typename M>
class Chain<M, false> {
public:
    void reset() {
        anchor_ = {};
        body_ = M::nothing();
    }
    template <typename Cell>
    void push(const Cell* cells) {
        if (body_.n == 0) anchor_ = M::anchor(cells);
        M::push(body_, anchor_, cells);
    }
    typename M::Kept kept() const { return M::kept(body_); }
    const typename M::Anchor& anchor() const { return anchor_; }
    bool is_state() const { return body_.n >= 0; }

private:
    typename M::Anchor anchor_;
    typename M::Body body_;
};

// Sums of all groups so far, step by step.
template <typename M>
class Ladder {
public:
    static constexpr int GROUP = 16, STEPS = 12;
    static constexpr int64_t MOST = int64_t(1) << 48;  // cells: GROUP ** STEPS
    using Body = typename M::Body;

    void reset() {
        for (Body& step : steps_) step = M::nothing();
    }
    // All cells, after one more group; there are n of them.
    Body climb(const Body& group, int64_t n) {
        int top = 0;
        M::add(steps_[0], group);
        for (n /= GROUP; n % GROUP == 0 && top + 1 < STEPS; n /= GROUP, top++) {
            M::add(steps_[top + 1], steps_[top]);
            steps_[top] = M::nothing();
        }
        for (; n >= GROUP; n /= GROUP) top++;
        Body all = M::nothing();
        for (; top >= 0; top--)
            if (steps_[top].n != 0) M::add(all, steps_[top]);
        return all;
    }

private:
    Body steps_[STEPS];
};

template <typename M>
class Chain<M, true> {
public:
    void reset() {
        anchor_ = {};
        n_ = 0;
        group_ = base_ = M::nothing();
        ladder_.reset();
    }
    template <typename Cell>
    void push(const Cell* cells) {
        if (n_ == 0) anchor_ = M::anchor(cells);
        M::push(group_, anchor_, cells);
        if (++n_ % Ladder<M>::GROUP != 0) return;
        base_ = ladder_.climb(group_, n_);
        group_ = M::nothing();
    }
    typename M::Kept kept() const { return M::kept(base_, group_); }
    const typename M::Anchor& anchor() const { return anchor_; }
    bool is_state() const { return n_ >= 0 && n_ <= Ladder<M>::MOST && group_.n >= 0; }

private:
    typename M::Anchor anchor_;
    int64_t n_;
    typename M::Body group_, base_;  // the last cells; all before them
    Ladder<M> ladder_;
};

}  // namespace perfcore::features
