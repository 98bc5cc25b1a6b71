// Batches under the sanitizers: features of random windows over random series, of no row and of many, in each instruction
// set. What a batch says are the bits of the steps; so is what a stream goes on to say after a history that was taken in.
#include <cstdio>
#include <random>

#include "perfcore/features/store.hpp"

using namespace perfcore::features;

std::mt19937_64 random_of(7);

int64_t up_to(int64_t most) { return int64_t(random_of() % uint64_t(most + 1)); }

template <typename T>
T any(std::initializer_list<T> of) { return of.begin()[up_to(int64_t(of.size()) - 1)]; }

// Cells of one make and, in some series, some that are none of it.
std::vector<double> series_of(int64_t n) {
    constexpr double INF = std::numeric_limits<double>::infinity();
    const int make = int(up_to(9)), odd = int(up_to(2)) * 7;
    const double scale = std::ldexp(1.0, int(up_to(100)) - 50);
    std::vector<double> cells;
    for (int64_t i = 0; i < n; i++) {
        const double whole = double(up_to(2000)) - 1000.0, part = double(random_of() >> 11) * 0x1p-53 - 0.5;
        double x = whole;
        if (make == 1) x = double(up_to(1));
        if (make == 2) x = double(float(part));
        if (make == 3) x = part;
        if (make == 4) x = any({0.0, -0.0});
        if (make == 5) x = whole * 1e305;
        if (make == 6) x = whole * 0x1p-1074;
        if (make == 7) x = whole * 0x1p40 + (i > n / 2 ? part : 0.0);
        if (make == 8) x = -0.0;
        if (make == 9) x = whole * scale;
        if (odd != 0 && up_to(odd) == 0) x = any({missing(), -not_a_number(), not_a_number(), INF, -INF, -0.0, 1e300, 0x1p-1074});
        cells.push_back(x);
    }
    return cells;
}

Spec spec_of(int64_t n, bool* has_times) {
    Spec spec;
    const int64_t rows = any({int64_t(1), up_to(9) + 1, up_to(90) + 1, n + 1, std::max<int64_t>(n, 1), up_to(2 * n) + 1});
    spec.nan_is_missing = up_to(1);
    spec.kind = any({"sum", "mean", "count", "var", "std", "zscore", "skew", "kurt", "cov", "corr", "min", "max", "min",
                     "max", "median", "quantile", "rank", "lag", "diff", "pct_change", "sma", "wma", "bollinger", "stoch",
                     "sum", "mean", "rsi", "ema", "atr", "adx", "obv", "macd"});
    const bool is_shift = spec.kind == "lag" || spec.kind == "diff" || spec.kind == "pct_change";
    const bool is_line = spec.kind == "sma" || spec.kind == "wma" || spec.kind == "bollinger";
    spec.integers["ddof"] = up_to(2);
    spec.numbers = {{"quantile", double(up_to(10)) / 10.0}, {"width", 2.0}};
    spec.integers["convention"] = up_to(2);
    const int64_t length = is_shift ? rows - up_to(1) : std::min<int64_t>(rows, 200);
    for (const char* name : {"n", "smooth", "signal", "fast", "slow"}) spec.integers[name] = length;
    if (up_to(2) == 0) spec.integers["smooth"] = up_to(3) + 1, spec.integers["signal"] = up_to(3) + 1;
    if (is_shift || spec.kind == "stoch" || spec.kind == "rsi" || spec.kind == "ema" || spec.kind == "atr" ||
        spec.kind == "adx" || spec.kind == "obv" || spec.kind == "macd") {
        if (is_shift) spec.integers["after"] = *has_times ? up_to(2) : up_to(1);
        return spec;
    }
    if (is_line) {
        spec.integers["rows"] = spec.integers["min_periods"] = rows;
        return spec;
    }
    const int64_t way = *has_times ? up_to(2) : up_to(1);
    if (way == 0) spec.integers["rows"] = rows;
    if (way == 2) spec.integers["time"] = up_to(3 * n) + 1;
    spec.integers["min_periods"] = way == 0 && up_to(2) > 0 ? rows : up_to(std::min<int64_t>(rows, 4));
    spec.integers["closed"] = up_to(1) ? 2 : up_to(3);
    spec.integers["after"] = up_to(3) > 0 ? 0 : *has_times ? up_to(2) : 1;
    return spec;
}

std::string told_of(const Spec& spec, int64_t n) {
    std::string told = spec.kind + " of " + std::to_string(n) + (spec.nan_is_missing ? "" : " (NaN are cells)");
    for (const auto& each : spec.integers) told += " " + each.first + "=" + std::to_string(each.second);
    return told;
}

bool is_of_many(const std::string& kind) { return kind == "stoch" || kind == "atr" || kind == "adx"; }
bool is_of_two(const std::string& kind) { return kind == "cov" || kind == "corr" || kind == "obv"; }

struct Table {
    explicit Table(int64_t n) : n(n) {
        for (auto& column : cells) column = series_of(n);
        int64_t time = any({int64_t(0), INT64_MIN, int64_t(-5)});
        for (int64_t i = 0; i < n; i++) times.push_back(time += up_to(3) * up_to(2));
    }
    int64_t n;
    std::vector<double> cells[3];
    std::vector<int64_t> times;
    const double* columns[3] = {};
};

using Columns = std::vector<std::vector<double>>;

std::vector<double*> places_of(Columns& columns) {
    std::vector<double*> places;
    for (auto& column : columns) places.push_back(column.data());
    return places;
}

bool is_same(const std::vector<double>& a, const std::vector<double>& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

// The first row that differs is shown.
bool agree(const Spec& spec, const char* way, const Columns& batch, const Columns& steps) {
    for (size_t k = 0; k < batch.size(); k++) {
        if (is_same(batch[k], steps[k])) continue;
        size_t i = 0;
        while (bits_of(batch[k][i]) == bits_of(steps[k][i])) i++;
        std::printf("%s: %s: row %zu of output %zu is %a, in steps %a\n", told_of(spec, int64_t(batch[k].size())).c_str(), way,
                    i, k, batch[k][i], steps[k][i]);
        return false;
    }
    return true;
}

bool is_batch_of_steps(int trial) {
    const int64_t n = any({up_to(3), up_to(40), up_to(400), up_to(1500)});
    bool has_times = up_to(1);
    const Spec spec = spec_of(n, &has_times);
    const int n_inputs = is_of_many(spec.kind) ? 3 : is_of_two(spec.kind) ? 2 : 1;
    setenv("PERFCORE_ISA", trial % 2 ? "portable" : "", 1);
    Plan plan;
    std::vector<int> inputs;
    for (int j = 0; j < n_inputs; j++) inputs.push_back(j);
    if (!plan.add(spec, inputs)) return std::printf("no %s\n", spec.kind.c_str()), false;

    Table table(n);
    for (int j = 0; j < 3; j++) table.columns[j] = table.cells[j].data();
    const int64_t* const times = has_times ? table.times.data() : nullptr;
    const Columns empty(size_t(plan.n_outputs()), std::vector<double>(size_t(n)));
    Columns steps = empty, batch = empty;
    const int64_t all[] = {0, n};
    plan.run_steps(table.columns, times, n, places_of(steps).data());
    if (!plan.run(table.columns, n_inputs, times, n, nullptr, all, 1, places_of(batch).data(), 1, false)) return false;
    if (!agree(spec, "one series", batch, steps)) return false;
    if (n == 0) return true;

    // Several series in some order, some rows left out, by threads or none.
    std::vector<int64_t> codes, order, bounds{0};
    const int64_t n_series = up_to(4) + 1;
    order.reserve(size_t(n));  // an empty one is an order, too
    for (int64_t i = 0; i < n; i++) codes.push_back(up_to(n_series) - 1);
    Columns by_series(size_t(plan.n_outputs()), std::vector<double>(size_t(n), missing())), gathered = empty;
    for (int64_t s = 0; s < n_series; s++) {
        Table own(0);
        std::vector<int64_t> rows;
        for (int64_t i = 0; i < n; i++)
            if (codes[size_t(i)] == s) rows.push_back(i);
        for (const int64_t i : rows) {
            for (int j = 0; j < 3; j++) own.cells[j].push_back(table.cells[j][size_t(i)]);
            own.times.push_back(table.times[size_t(i)]);
        }
        for (int j = 0; j < 3; j++) own.columns[j] = own.cells[j].data();
        Columns told(size_t(plan.n_outputs()), std::vector<double>(rows.size()));
        plan.run_steps(own.columns, has_times ? own.times.data() : nullptr, int64_t(rows.size()), places_of(told).data());
        for (size_t k = 0; k < told.size(); k++)
            for (size_t i = 0; i < rows.size(); i++) by_series[k][size_t(rows[i])] = told[k][i];
        order.insert(order.end(), rows.begin(), rows.end());
        bounds.push_back(int64_t(order.size()));
    }
    const int n_threads = int(up_to(1)) * 2 + 1;
    if (!plan.run(table.columns, n_inputs, times, n, order.data(), bounds.data(), n_series, places_of(gathered).data(),
                  n_threads, false))
        return false;
    if (!agree(spec, "many series", gathered, by_series)) return false;

    // A history, and the rows after it.
    const int64_t n_before = up_to(n);
    bool is_revised = false;  // a row with the time of the one before takes its place
    for (int64_t i = 1; i < n; i++) is_revised |= has_times && table.times[size_t(i)] == table.times[size_t(i - 1)];
    Store store(plan, is_revised ? any({Late::RAISE, Late::DROP}) : Late::REVISE, has_times);
    store.add();
    const int64_t one[] = {0, n_before};
    if (!store.update_series(0, table.columns, n_inputs, times, nullptr, one, 1, 1)) return false;
    Columns streamed = steps;
    for (int64_t i = n_before; i < n; i++) {
        double cells[3], told[3];
        for (int j = 0; j < 3; j++) cells[j] = table.cells[j][size_t(i)];
        store.update(0, cells, has_times ? table.times[size_t(i)] : 0, told);
        for (size_t k = 0; k < streamed.size(); k++) streamed[k][size_t(i)] = told[k];
    }
    return agree(spec, "after a history", streamed, steps);
}

int main(int n_given, char** given) {
    const int n_trials = n_given > 1 ? std::atoi(given[1]) : 4000;
    if (n_given > 2) random_of.seed(uint64_t(std::atoll(given[2])));
    for (int trial = 0; trial < n_trials; trial++)
        if (!is_batch_of_steps(trial)) return std::printf("trial %d\n", trial), 1;
    std::puts("all batches agree");
    return 0;
}
