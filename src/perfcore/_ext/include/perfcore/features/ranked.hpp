// The cells of a short window and their ranks, place by place: one that comes takes the place of the one that goes, and
// every rank between theirs moves by one.
//
//     cells   7.0  3.5  NaN  9.1            ranks are bytes, the missing last: a row of a batch costs loops that the
//     ranks    1    0    3    2             compiler makes vectors of, and no branch that could be foreseen wrongly
#pragma once

#include "of_cells.hpp"

namespace perfcore::features {

template <int PLACES>
class Ranked {
public:
    explicit Ranked(int64_t n) : n_(n), size_(0), place_(0) {
        for (int j = 0; j < PLACES; j++) {
            cells_[j] = missing();
            ranks_[j] = int8_t((j < n ? j : PLACES - 1) - 128);
        }
    }

    // The cell of the oldest row gives way to x, which this many numbers of the others are at most as large as.
    void push(double x, int64_t n_before) {
        const bool is_number = x == x;
        size_ += is_number - (cells_[place_] == cells_[place_]);
        const int8_t gone = ranks_[place_], came = int8_t((is_number ? n_before : n_ - 1) - 128);
        for (int j = 0; j < PLACES; j++) {
            const int8_t rank = ranks_[j], left = int8_t(rank - (rank > gone)), right = int8_t(left + (left >= came));
            ranks_[j] = rank == gone ? came : right;
        }
        cells_[place_] = x;
        place_ = place_ + 1 == n_ ? 0 : place_ + 1;
    }

    int64_t size() const { return size_; }
    double at(int64_t rank) const {
        const int8_t looked_for = int8_t(rank - 128);
        uint8_t place = 0;
        for (int j = 0; j < PLACES; j++) place = uint8_t(place | (ranks_[j] == looked_for ? uint8_t(j) : uint8_t(0)));
        return cells_[place];
    }

private:
    alignas(64) int8_t ranks_[PLACES];
    double cells_[PLACES];
    const int64_t n_;
    int64_t size_, place_;
};

}  // namespace perfcore::features
