// Numbers in order, of which some come and some go: medians, quantiles and ranks of a window.
//
// They are kept as integers that sort as the doubles do (-0.0 below 0.0), so that any way of sorting gives the same
// bits. A few lie in one array; many in blocks of some hundreds, with a directory of the blocks:
//
//     directory   first ─┬─ least key of each block          the cursor is a block and the number of keys before it;
//                 count ─┼─ keys in each                     it follows the rank asked for, a block or two a step
//                 place ─┴─▶ where in memory it lies
//     blocks      [ 3 5 8 . . . ][ 9 11 . . . . ] ...        full: it splits; two that together are small: they merge
#pragma once

#include <algorithm>

#include "of_cells.hpp"

namespace perfcore::features {

inline int64_t key_of(double x) {
    const int64_t bits = int64_t(bits_of(x));
    return bits ^ int64_t(uint64_t(bits >> 63) >> 1);
}

inline double cell_of(int64_t key) {
    const int64_t bits = key ^ int64_t(uint64_t(key >> 63) >> 1);
    double x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

// How many of n keys in order are at most so large: without branches, as none could be foreseen.
inline int64_t n_at_most(const int64_t* keys, int64_t n, int64_t key) {
    if (n == 0) return 0;
    const int64_t* at = keys;
    while (n > 1) {
        const int64_t half = n >> 1;
        at += half & -int64_t(at[half - 1] <= key);
        n -= half;
    }
    return at - keys + (*at <= key);
}

// The same for two keys, the steps of both at once.
inline void n_at_most(const int64_t* keys, int64_t n, int64_t one, int64_t other, int64_t* n_one, int64_t* n_other) {
    const int64_t *at = keys, *there = keys;
    while (n > 1) {
        const int64_t half = n >> 1;
        at += half & -int64_t(at[half - 1] <= one);
        there += half & -int64_t(there[half - 1] <= other);
        n -= half;
    }
    *n_one = at - keys + (*at <= one);
    *n_other = there - keys + (*there <= other);
}

inline void move_keys(int64_t* to, const int64_t* from, int64_t n) {
    std::memmove(to, from, size_t(n) * sizeof(int64_t));
}

// A view of such bytes, made anew for each row: it holds no state of its own.
class Sorted {
public:
    static constexpr int64_t ONE = 1024, BLOCK = 512;  // keys: in one array at most; in a block

    static constexpr bool GROWS = true;
    static size_t bytes(int64_t room) {
        const int64_t keys = room <= ONE ? room : max_blocks(room) * (3 + BLOCK);
        return sizeof(Head) + size_t(keys) * sizeof(int64_t);
    }
    Sorted(void* bytes, int64_t room) : head_(*static_cast<Head*>(bytes)), is_one_(room <= ONE) {
        int64_t* at = static_cast<int64_t*>(bytes) + sizeof(Head) / sizeof(int64_t);
        const int64_t most = is_one_ ? 0 : max_blocks(room);
        first_ = at;
        count_ = at + most;
        place_ = at + 2 * most;
        keys_ = at + 3 * most;
    }
    void reset(int64_t room) {
        std::memset(static_cast<void*>(&head_), 0, bytes(room));
        if (is_one_) return;
        for (int64_t b = 0; b < max_blocks(room); b++) place_[b] = b;  // those after the last in use are free
        head_.n_blocks = 1;
        first_[0] = INT64_MIN;
    }

    int64_t size() const { return head_.n; }

    void insert(double x, int64_t) { insert(key_of(x)); }
    void erase(double x, int64_t) { erase(key_of(x)); }
    void replace(double old, int64_t, double x, int64_t) { replace(key_of(old), key_of(x)); }
    double at(int64_t rank) { return cell_of(key_at(rank)); }  // the one with so many before it

    void insert(int64_t key) {
        if (is_one_) {
            const int64_t at = n_at_most(keys_, head_.n, key);
            move_keys(keys_ + at + 1, keys_ + at, head_.n - at);
            keys_[at] = key;
        } else {
            int64_t b = block_of(key);
            if (count_[b] == BLOCK) {
                split(b);
                b = block_of(key);
            }
            int64_t* keys = block(b);
            const int64_t at = n_at_most(keys, count_[b], key);
            move_keys(keys + at + 1, keys + at, count_[b] - at);
            keys[at] = key;
            count_[b]++;
            head_.before += b < head_.cursor;
        }
        head_.n++;
    }

    void erase(int64_t key) {  // which is there
        head_.n--;
        if (is_one_) {
            const int64_t at = n_at_most(keys_, head_.n + 1, key);
            move_keys(keys_ + at - 1, keys_ + at, head_.n + 1 - at);
            return;
        }
        const int64_t b = block_of(key);
        int64_t* keys = block(b);
        const int64_t at = n_at_most(keys, count_[b], key);
        move_keys(keys + at - 1, keys + at, count_[b] - at);
        count_[b]--;
        head_.before -= b < head_.cursor;
        if (at == 1 && b != 0 && count_[b] != 0) first_[b] = keys[0];
        settle(b);
    }

    void replace(int64_t old, int64_t key) {
        if (!is_one_) {
            erase(old);
            insert(key);
            return;
        }
        int64_t from, to;
        n_at_most(keys_, head_.n, old, key, &from, &to);
        from--;
        if (to > from) {
            to--;
            move_keys(keys_ + from, keys_ + from + 1, to - from);
        } else {
            move_keys(keys_ + to + 1, keys_ + to, from - to);
        }
        keys_[to] = key;
    }

    int64_t key_at(int64_t rank) {
        if (is_one_) return keys_[rank];
        seek(rank);
        return block(head_.cursor)[rank - head_.before];
    }

    int64_t rank(int64_t key) const {  // how many keys are at most so large
        if (is_one_) return n_at_most(keys_, head_.n, key);
        const int64_t b = block_of(key);
        int64_t before = head_.before;
        for (int64_t c = head_.cursor; c < b; c++) before += count_[c];
        for (int64_t c = b; c < head_.cursor; c++) before -= count_[c];
        return before + n_at_most(block(b), count_[b], key);
    }

    void copy_from(const Sorted& smaller) {
        for (int64_t b = 0; b < (smaller.is_one_ ? 1 : smaller.head_.n_blocks); b++) {
            const int64_t* keys = smaller.is_one_ ? smaller.keys_ : smaller.block(b);
            const int64_t n = smaller.is_one_ ? smaller.head_.n : smaller.count_[b];
            for (int64_t i = 0; i < n; i++) append(keys[i]);
        }
    }

    // Whether bytes from outside are such a view: of n cells, and of these where they are known.
    bool is_of(const Placed* cells, int64_t n, int64_t room) const {
        if (n > room || head_.n != n || !is_directory(room)) return false;
        std::vector<int64_t> keys;
        for (int64_t b = 0; b < (is_one_ ? 1 : head_.n_blocks); b++)
            for (int64_t i = 0; i < (is_one_ ? n : count_[b]); i++) keys.push_back(is_one_ ? keys_[i] : block(b)[i]);
        if (int64_t(keys.size()) != n || !std::is_sorted(keys.begin(), keys.end())) return false;
        if (cells == nullptr) return true;
        std::vector<int64_t> expected;
        for (int64_t i = 0; i < n; i++) expected.push_back(key_of(cells[i].x));
        std::sort(expected.begin(), expected.end());
        return keys == expected;
    }

private:
    struct Head {
        int64_t n, n_blocks, cursor, before;
    };
    static constexpr int64_t MERGED = 3 * BLOCK / 4;

    static int64_t max_blocks(int64_t room) { return 2 * ((room + MERGED - 1) / MERGED) + 2; }
    int64_t* block(int64_t b) const { return keys_ + place_[b] * BLOCK; }
    int64_t block_of(int64_t key) const { return n_at_most(first_, head_.n_blocks, key) - 1; }

    bool is_directory(int64_t room) const {
        if (is_one_) return true;
        const int64_t most = max_blocks(room), n = head_.n_blocks;
        if (n < 1 || n > most || head_.cursor < 0 || head_.cursor >= n || first_[0] != INT64_MIN) return false;
        std::vector<bool> is_taken(size_t(most), false);
        int64_t before = 0;
        for (int64_t b = 0; b < most; b++) {
            if (place_[b] < 0 || place_[b] >= most || is_taken[size_t(place_[b])]) return false;
            is_taken[size_t(place_[b])] = true;
            if (b >= n) continue;
            if (count_[b] < (n > 1) || count_[b] > BLOCK || (b != 0 && first_[b] != block(b)[0])) return false;
            if (b + 1 < n && count_[b] + count_[b + 1] <= MERGED) return false;
            if (b == head_.cursor && head_.before != before) return false;
            before += count_[b];
        }
        return before == head_.n;
    }

    void append(int64_t key) {  // none that is there is larger
        int64_t b = head_.n_blocks - 1;
        if (is_one_) {
            keys_[head_.n++] = key;
            return;
        }
        if (count_[b] >= MERGED) {
            b = head_.n_blocks++;
            count_[b] = 0;
            first_[b] = key;
        }
        block(b)[count_[b]++] = key;
        head_.n++;
    }

    void seek(int64_t rank) {
        while (rank < head_.before) head_.before -= count_[--head_.cursor];
        while (rank >= head_.before + count_[head_.cursor]) head_.before += count_[head_.cursor++];
    }

    void split(int64_t b) {
        const int64_t n = head_.n_blocks++, place = place_[n], half = BLOCK / 2;
        for (int64_t* directory : {first_, count_, place_}) move_keys(directory + b + 2, directory + b + 1, n - b - 1);
        place_[b + 1] = place;
        move_keys(block(b + 1), block(b) + half, BLOCK - half);
        first_[b + 1] = block(b + 1)[0];
        count_[b] = half;
        count_[b + 1] = BLOCK - half;
        head_.cursor += b < head_.cursor;
        settle(b + 1);
        settle(b);
    }

    void settle(int64_t b) {  // so that any two neighbours hold more than MERGED, and none is empty
        if (b + 1 < head_.n_blocks && is_small(b)) merge(b);
        if (b > 0 && is_small(b - 1)) merge(b - 1);
    }
    bool is_small(int64_t b) const {
        return count_[b] + count_[b + 1] <= MERGED || count_[b] == 0 || count_[b + 1] == 0;
    }

    void merge(int64_t b) {  // with the one after it
        const int64_t n = --head_.n_blocks, place = place_[b + 1];
        if (head_.cursor == b + 1) head_.before -= count_[b];
        head_.cursor -= b < head_.cursor;
        move_keys(block(b) + count_[b], block(b + 1), count_[b + 1]);
        count_[b] += count_[b + 1];
        for (int64_t* directory : {first_, count_, place_}) move_keys(directory + b + 1, directory + b + 2, n - b - 1);
        place_[n] = place;
    }

    Head& head_;
    const bool is_one_;
    int64_t *first_, *count_, *place_, *keys_;
};

}  // namespace perfcore::features
