// A user's own function of the cells of a window, compiled by Numba: a C function behind a pointer.
#pragma once

#include <algorithm>
#include <cstddef>

#include "map.hpp"
#include "of_cells.hpp"

namespace perfcore::features {

// Many windows of cells that lie side by side; one window is a call with n = 1, and the same bits.
using WindowsFunction = void (*)(const double* cells, const int64_t* begins, const int64_t* ends, int64_t n, double* out);

inline double call(WindowsFunction function, const double* cells, int64_t n) {
    const int64_t begin = 0;
    double told;
    function(cells, &begin, &n, 1, &told);
    return answer_of(told);
}

inline int64_t n_present(const double* cells, int64_t n, bool nan_is_missing) {
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) count += !is_missing(cells[i], nan_is_missing);
    return count;
}

// The window's cells side by side, and of each its row's number or time:
//
//     0      begin    past        end     size
//     │ left │ window │ this time │ room  │
//
// At the end of the room the window is moved to the front, when at least as much has been appended since the last time.
struct Kept {
    int64_t size, begin, past, end, n_seen, first, now;
    uint64_t cells[1];

    static size_t bytes(int64_t size) { return offsetof(Kept, cells) + size_t(size) * 2 * sizeof(uint64_t); }
    double* values() { return reinterpret_cast<double*>(cells); }
    int64_t* keys() { return reinterpret_cast<int64_t*>(cells + size); }

    bool has_room() {
        if (end < size) return true;
        if (2 * begin < size) return false;
        std::memmove(values(), values() + begin, size_t(end - begin) * sizeof(double));
        std::memmove(keys(), keys() + begin, size_t(end - begin) * sizeof(int64_t));
        past -= begin;
        end -= begin;
        begin = 0;
        return true;
    }
};

class Apply final : public Feature {
public:
    explicit Apply(const Spec& spec)
        : function_(reinterpret_cast<WindowsFunction>(spec.integer("function", 0))),
          span_(spec),
          skips_(spec.integer("skips", 1) != 0),
          nan_is_missing_(spec.nan_is_missing) {}

    int64_t first_room() const override { return span_.rows == 0 ? 16 : 0; }
    size_t state_bytes(int64_t room) const override { return Kept::bytes(size(room)); }
    void reset(void* state, int64_t room) const override {
        std::memset(state, 0, state_bytes(room));
        static_cast<Kept*>(state)->size = size(room);
    }
    void move_to(const void* state, void* larger, int64_t room) const override {
        Kept& from = *static_cast<Kept*>(const_cast<void*>(state));
        Kept& to = *static_cast<Kept*>(larger);
        std::memcpy(&to, &from, offsetof(Kept, cells));
        to.size = size(room);
        std::memcpy(to.values(), from.values(), size_t(from.end) * sizeof(double));
        std::memcpy(to.keys(), from.keys(), size_t(from.end) * sizeof(int64_t));
    }

    bool is_ready(const void* state) const override {
        const Kept& kept = *static_cast<const Kept*>(state);
        if (span_.rows != 0) return kept.n_seen >= span_.most();
        return kept.n_seen != 0 && is_out(kept.first, kept.now);
    }

    bool is_state(const void* bytes, int64_t room) const override {
        const Kept& kept = *static_cast<const Kept*>(bytes);
        if (kept.size != size(room) || kept.begin < 0 || kept.begin > kept.past || kept.past > kept.end ||
            kept.end > kept.size || kept.n_seen < 0 || kept.n_seen > INT64_MAX / 2)
            return false;
        if (span_.rows == 0) return true;
        const int64_t* keys = const_cast<Kept&>(kept).keys();
        for (int64_t i = kept.begin; i < kept.end; i++) {  // cells of other rows might never leave, nor make room
            const int64_t next = i + 1 < kept.end ? keys[i + 1] : kept.n_seen;
            if (is_out(keys[i], kept.n_seen - 1) || keys[i] >= next) return false;
        }
        return true;
    }

    int64_t forgotten(int64_t n) const override {
        return span_.rows == 0 ? 0 : std::max<int64_t>(0, n - span_.most());
    }
    void skip(void* state, int64_t n) const override { static_cast<Kept*>(state)->n_seen = n; }
    bool step(void* state, const double* cells, int64_t time, double* out) const override {
        Kept& kept = *static_cast<Kept*>(state);
        if (!kept.has_room()) return false;
        const int64_t key = span_.time != 0 ? time : kept.n_seen;
        if (kept.n_seen == 0) kept.first = key;
        if (kept.n_seen++ == 0 || key != kept.now) kept.past = kept.end;
        kept.now = key;
        while (kept.begin < kept.end && is_out(kept.keys()[kept.begin], key)) kept.begin++;
        if (kept.past < kept.begin) kept.past = kept.begin;
        if (!skips_ || !is_missing(cells[0], nan_is_missing_)) {
            kept.values()[kept.end] = cells[0];
            kept.keys()[kept.end++] = key;
        }
        const int64_t n = (span_.with_present ? kept.end : kept.past) - kept.begin;
        const double* window = kept.values() + kept.begin;
        const int64_t n_there = skips_ ? n : n_present(window, n, nan_is_missing_);
        out[0] = is_enough(n_there) ? call(function_, window, n) : missing();
        return true;
    }

    void run(const Series& series, double* const* out, State&) const override {
        const Cells cells(series.columns[0], series.n, skips_, nan_is_missing_);
        std::vector<int64_t> rows, begins, ends;
        std::vector<double> told(TILE);
        const auto tell = [&] {
            function_(cells.kept, begins.data(), ends.data(), int64_t(rows.size()), told.data());
            for (size_t i = 0; i < rows.size(); i++) out[0][rows[i]] = answer_of(told[i]);
            rows.clear(), begins.clear(), ends.clear();
        };
        const int64_t* times = series.times;
        const auto key_of = [&](int64_t i) { return span_.time == 0 ? i : times == nullptr ? 0 : times[i]; };
        int64_t begin = 0, past = 0;
        for (int64_t i = 0; i < series.n; i++) {
            if (i > 0 && key_of(i) != key_of(i - 1)) past = i;
            while (begin < i && is_out(key_of(begin), key_of(i))) begin++;
            const int64_t end = std::max(begin, span_.with_present ? i + 1 : past);
            out[0][i] = missing();
            if (!is_enough(cells.before[size_t(end)] - cells.before[size_t(begin)])) continue;
            rows.push_back(i);
            begins.push_back(skips_ ? cells.before[size_t(begin)] : begin);
            ends.push_back(skips_ ? cells.before[size_t(end)] : end);
            if (int64_t(rows.size()) == TILE) tell();
        }
        tell();
    }

private:
    static constexpr int64_t TILE = 256;  // windows

    // Of a series the cells that windows hold, and how many are there before each row.
    struct Cells {
        Cells(const double* cells, int64_t n, bool skips, bool nan_is_missing) : kept(cells), before(size_t(n) + 1) {
            for (int64_t i = 0; i < n; i++)
                before[size_t(i) + 1] = before[size_t(i)] + !is_missing(cells[i], nan_is_missing);
            if (!skips || before[size_t(n)] == n) return;
            copies.reserve(size_t(before[size_t(n)]));
            for (int64_t i = 0; i < n; i++)
                if (!is_missing(cells[i], nan_is_missing)) copies.push_back(cells[i]);
            kept = copies.data();
        }
        const double* kept;
        std::vector<int64_t> before;
        std::vector<double> copies;
    };

    int64_t size(int64_t room) const { return room > 0 ? room : 2 * (span_.rows + 1); }
    bool is_enough(int64_t n_there) const { return n_there > 0 && n_there >= span_.min_periods; }
    bool is_out(int64_t key, int64_t now) const { return span_.is_out(key, key, now, now); }

    const WindowsFunction function_;
    const Span span_;
    const bool skips_, nan_is_missing_;
};

inline std::unique_ptr<Feature> make_apply(const Spec& spec) {
    if (spec.kind != "apply" || spec.integer("function", 0) == 0) return nullptr;
    return std::make_unique<Apply>(spec);
}

}  // namespace perfcore::features
