// What a column was so many rows before.
#pragma once

#include <algorithm>

#include "feature.hpp"
#include "scan.hpp"

namespace perfcore::features {

enum class Shift { LAG, DIFF, PCT_CHANGE };

// Its state is a ring of the last n cells, which begins small.
template <Shift what>
class Shifted final : public Feature {
public:
    explicit Shifted(int64_t n) : n_(n) {}

    int64_t first_room() const override { return std::min<int64_t>(FIRST, most()); }
    size_t state_bytes(int64_t room) const override { return sizeof(Head) + size_t(room) * sizeof(double); }
    void reset(void* state, int64_t room) const override {
        std::memset(state, 0, state_bytes(room));
        static_cast<Head*>(state)->room = room;
    }
    void move_to(const void* state, void* larger, int64_t room) const override {
        const Head& from = *static_cast<const Head*>(state);
        for (int64_t i = std::max<int64_t>(0, from.n_seen - from.room); i < from.n_seen; i++)
            cells_of(larger)[i & (room - 1)] = cells_of(state)[i & (from.room - 1)];
        static_cast<Head*>(larger)->n_seen = from.n_seen;
    }
    int64_t forgotten(int64_t n) const override { return std::max<int64_t>(0, n - most()); }
    void skip(void* state, int64_t n) const override { static_cast<Head*>(state)->n_seen = n; }
    bool step(void* state, const double* cells, int64_t, double* out) const override {
        Head& head = *static_cast<Head*>(state);
        const int64_t i = head.n_seen, last = head.room - 1;
        if (i > last && head.room < n_) return false;
        *out = of(cells[0], n_ == 0 ? cells[0] : i < n_ ? missing() : cells_of(state)[(i - n_) & last]);
        cells_of(state)[i & last] = cells[0];
        head.n_seen++;
        return true;
    }
    bool is_ready(const void* state) const override { return static_cast<const Head*>(state)->n_seen >= n_; }
    bool is_state(const void* bytes, int64_t room) const override {
        const Head& head = *static_cast<const Head*>(bytes);
        if (head.room != room || head.n_seen < 0 || head.n_seen > INT64_MAX / 2) return false;
        return head.n_seen <= room || room >= n_;
    }
    void run(const Series& series, double* const* out, State&) const override {
        const double* cells = series.columns[0];
        const int64_t n_first = std::min(n_, series.n);
        for (int64_t i = 0; i < n_first; i++) out[0][i] = of(cells[i], missing());
        for (int64_t i = n_first, end; i < series.n; i = end) {
            end = std::min(i + BLOCK, series.n);
            for (int64_t j = i; j < end; j++) out[0][j] = change(cells[j], cells[j - n_]);
            if (what == Shift::LAG || !has_nan(out[0] + i, end - i)) continue;
            for (int64_t j = i; j < end; j++) out[0][j] = of(cells[j], cells[j - n_]);
        }
    }

private:
    struct Head {
        int64_t room, n_seen;
    };
    static constexpr int64_t FIRST = 64, BLOCK = 256;

    int64_t most() const {  // a power of two
        int64_t room = 1;
        while (room < n_) room *= 2;
        return room;
    }
    static double* cells_of(void* state) { return reinterpret_cast<double*>(static_cast<Head*>(state) + 1); }
    static const double* cells_of(const void* state) { return cells_of(const_cast<void*>(state)); }

    static double change(double x, double past) {
        return what == Shift::LAG ? past : what == Shift::DIFF ? x - past : x / past - 1.0;
    }
    static double of(double x, double past) {
        const double told = change(x, past);
        if (what == Shift::LAG || told == told) return told;
        return bits_of(x) == MISSING_BITS || bits_of(past) == MISSING_BITS ? missing() : not_a_number();
    }

    const int64_t n_;
};

inline std::unique_ptr<Feature> make_shift(const Spec& spec) {
    const int64_t n = spec.integer("n", 1);
    if (spec.kind == "lag") return std::make_unique<Shifted<Shift::LAG>>(n);
    if (spec.kind == "diff") return std::make_unique<Shifted<Shift::DIFF>>(n);
    if (spec.kind == "pct_change") return std::make_unique<Shifted<Shift::PCT_CHANGE>>(n);
    return nullptr;
}

}  // namespace perfcore::features
