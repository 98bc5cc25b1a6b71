// A feature of a series: what it remembers of the rows so far, and what it says of each.
//
//     rows of one entity, in order      cells ──▶ step(state) ──▶ out       one row: a stream, a peek
//                                       columns ──▶ run() ──▶ columns       a whole series: a batch
//
// `run` is `step` in a loop, or something faster with the same bits: so a stream is a batch, row for row, by construction.
// A state is plain bytes, aligned to 8: memcpy copies it, a snapshot holds it as it is. It holds no pointers. What a
// feature was told (its window, its options) is in the feature, which is constant and may serve many threads.
//
// A cell is a double. A missing one is a NaN of its own (MISSING_BITS); whether other NaNs are missing, too, is a rule of
// the table that it came from (pandas: yes; Arrow: no). What a feature cannot say yet is written as `missing()`.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

namespace perfcore::features {

constexpr uint64_t MISSING_BITS = 0x7FF80000000007A2;

inline uint64_t bits_of(double x) {
    uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}

inline double missing() {
    double x;
    std::memcpy(&x, &MISSING_BITS, sizeof x);
    return x;
}

inline double not_a_number() { return std::numeric_limits<double>::quiet_NaN(); }

// NaN of any bits, as arithmetic makes them, as the one NaN.
inline double plain(double x) { return x == x ? x : not_a_number(); }

inline bool is_missing(double x, bool nan_is_missing) {
    return x != x && (nan_is_missing || bits_of(x) == MISSING_BITS);
}

// What a feature is made from. A window is of so many `rows`, or of so much `time` in the unit of the times, or, with
// neither, of all rows so far; `closed` = 1 for its left end, + 2 for its right one; `min_periods` cells must be there.
struct Spec {
    std::string kind;
    bool nan_is_missing = true;
    std::map<std::string, int64_t> integers;
    std::map<std::string, double> numbers;

    int64_t integer(const char* name, int64_t otherwise) const {
        const auto at = integers.find(name);
        return at == integers.end() ? otherwise : at->second;
    }
    double number(const char* name, double otherwise) const {
        const auto at = numbers.find(name);
        return at == numbers.end() ? otherwise : at->second;
    }
    // What is not there (yet): a plain NaN to those who know no other.
    double none() const { return nan_is_missing ? not_a_number() : missing(); }
};

// A series: its columns, those of one feature in its order, and its times, null where there are none.
struct Series {
    const double* const* columns;
    const int64_t* times;
    int64_t n;
};

class State;

constexpr int MAX_INPUTS = 16;  // columns of one feature

class Feature {
public:
    virtual ~Feature() = default;
    virtual int n_inputs() const { return 1; }
    virtual int n_outputs() const { return 1; }

    // States have a `room`, in rows, and grow with what their windows hold. 0: its size is fixed.
    virtual int64_t first_room() const { return 0; }
    virtual size_t state_bytes(int64_t room) const = 0;  // a multiple of 8
    virtual void reset(void* state, int64_t room) const = 0;  // a series without rows; writes every byte
    virtual void move_to(const void* state, void* larger, int64_t room) const {
        (void)room;
        std::memcpy(larger, state, state_bytes(0));
    }

    // One row. False: the state has no room for it, and is as it was.
    virtual bool step(void* state, const double* cells, int64_t time, double* out) const = 0;

    // Of a series of n rows, how many of the first may be left out of its state: nothing is left of them but their number,
    // which `skip` puts into a state without rows. What is then said of these n rows has no meaning.
    virtual int64_t forgotten(int64_t n) const {
        (void)n;
        return 0;
    }
    virtual void skip(void* state, int64_t n) const { (void)state, (void)n; }

    // Whether the window is full: nothing that came before the rows so far would change what is said.
    virtual bool is_ready(const void* state) const = 0;

    // Whether bytes from outside, a snapshot's, are a state: no place or count in them leads astray (out of its rings, into
    // an endless loop). Its cells may be any.
    virtual bool is_state(const void* bytes, int64_t room) const {
        (void)bytes, (void)room;
        return true;
    }

    // A whole series; `out` has a column for each output. `scratch` is for it alone.
    virtual void run(const Series& series, double* const* out, State& scratch) const;
};

// A state on its own, which grows when it must.
class State {
public:
    void reset(const Feature& feature) { reset(feature, feature.first_room()); }
    void reset(const Feature& feature, int64_t room) {
        room_ = room;
        bytes_.assign(feature.state_bytes(room_) / sizeof(uint64_t), 0);
        feature.reset(data(), room_);
    }
    void step(const Feature& feature, const double* cells, int64_t time, double* out) {
        while (!feature.step(data(), cells, time, out)) {
            std::vector<uint64_t> larger(feature.state_bytes(2 * room_) / sizeof(uint64_t));
            feature.reset(larger.data(), 2 * room_);
            feature.move_to(data(), larger.data(), 2 * room_);
            bytes_.swap(larger);
            room_ *= 2;
        }
    }
    void* data() { return bytes_.data(); }
    // So many bytes, whatever is in them.
    void* at_least(size_t n) {
        if (bytes_.size() * sizeof(uint64_t) < n) bytes_.assign((n + sizeof(uint64_t) - 1) / sizeof(uint64_t), 0);
        return data();
    }

private:
    std::vector<uint64_t> bytes_;
    int64_t room_ = 0;
};

inline void Feature::run(const Series& series, double* const* out, State& scratch) const {
    double cells[MAX_INPUTS], told[MAX_INPUTS];
    scratch.reset(*this);
    for (int64_t i = 0; i < series.n; i++) {
        for (int j = 0; j < n_inputs(); j++) cells[j] = series.columns[j][i];
        scratch.step(*this, cells, series.times == nullptr ? 0 : series.times[i], told);
        for (int k = 0; k < n_outputs(); k++) out[k][i] = told[k];
    }
}

// A feature whose state has a fixed size, written as `void one(State&, const double* cells, double* out)`: `run` is a
// loop without a virtual call.
template <typename Own, typename OwnState>
class Fixed : public Feature {
public:
    size_t state_bytes(int64_t) const override { return own().bytes(); }
    bool step(void* state, const double* cells, int64_t, double* out) const override {
        own().one(*static_cast<OwnState*>(state), cells, out);
        return true;
    }
    void run(const Series& series, double* const* out, State& scratch) const override {
        scratch.reset(*this);
        OwnState& state = *static_cast<OwnState*>(scratch.data());
        double cells[MAX_INPUTS], told[MAX_INPUTS];
        const int n_in = own().n_inputs(), n_out = own().n_outputs();
        for (int64_t i = 0; i < series.n; i++) {
            for (int j = 0; j < n_in; j++) cells[j] = series.columns[j][i];
            own().one(state, cells, told);
            for (int k = 0; k < n_out; k++) out[k][i] = told[k];
        }
    }

private:
    const Own& own() const { return static_cast<const Own&>(*this); }
};

}  // namespace perfcore::features
