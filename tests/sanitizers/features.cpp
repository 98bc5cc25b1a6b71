// Streams under the sanitizers: histories by many threads are rows one by one; states that are forged are refused, or
// answer something without a byte out of bounds.
#include <cstdio>
#include <random>

#include "perfcore/features/store.hpp"

using namespace perfcore::features;

struct Told {
    const char* kind;
    int n_inputs;
    std::map<std::string, int64_t> integers;
    std::map<std::string, double> numbers;
};

const int64_t DAY = 86'400'000'000'000;

void add(Plan& plan, const Told& told, int64_t after) {
    Spec spec;
    spec.kind = told.kind;
    spec.integers = told.integers;
    spec.numbers = told.numbers;
    if (after != 0) spec.integers["after"] = after;
    std::vector<int> columns;
    for (int j = 0; j < told.n_inputs; j++) columns.push_back(j);
    if (!plan.add(spec, columns)) std::printf("no feature %s\n", told.kind), std::exit(1);
}

void add_all(Plan& plan) {
    for (const char* kind : {"sum", "mean", "count", "var", "std", "skew", "kurt", "zscore", "min", "max", "median", "rank"}) {
        add(plan, {kind, 1, {{"rows", 5}, {"min_periods", 1}}, {}}, 0);
        add(plan, {kind, 1, {{"time", 4 * DAY}, {"min_periods", 1}, {"closed", 1}}, {}}, 0);
        add(plan, {kind, 1, {{"time", 9 * DAY}, {"min_periods", 1}}, {}}, 2);
        add(plan, {kind, 1, {{"min_periods", 1}}, {}}, 0);
    }
    add(plan, {"quantile", 1, {{"rows", 40}, {"min_periods", 1}}, {{"quantile", 0.3}}}, 0);
    for (const char* kind : {"lag", "diff", "pct_change"}) add(plan, {kind, 1, {{"n", 3}}, {}}, 1);
    for (const char* kind : {"ema", "rsi"}) add(plan, {kind, 1, {{"n", 4}}, {}}, 0);
    for (const char* kind : {"sma", "wma", "bollinger"})
        add(plan, {kind, 1, {{"rows", 4}, {"min_periods", 4}}, {{"width", 2.0}}}, 0);
    for (const char* kind : {"atr", "adx"}) add(plan, {kind, 3, {{"n", 4}}, {}}, 0);
    add(plan, {"stoch", 3, {{"n", 4}, {"smooth", 2}, {"signal", 2}}, {}}, 0);
    for (const char* kind : {"cov", "corr"}) add(plan, {kind, 2, {{"rows", 5}, {"min_periods", 2}}, {}}, 0);
}

std::vector<char> bytes_of(const Store& store) {
    std::vector<char> bytes(store.bytes());
    store.save(bytes.data());
    return bytes;
}

int main() {
    constexpr int64_t N_SERIES = 12, N = 60, N_FORGED = 3;
    Plan plan;
    add_all(plan);
    std::mt19937_64 random(1);
    std::vector<double> cells[3];
    std::vector<int64_t> times, bounds{0}, entities;
    for (int64_t s = 0; s < N_SERIES; s++) {
        int64_t time = 0;
        for (int64_t i = 0; i < N; i++) {
            for (auto& column : cells) column.push_back(random() % 9 == 0 ? missing() : double(random() % 1000) / 7);
            times.push_back(time += int64_t(random() % 3) * DAY / int64_t(1 + s % 4 * 8));
            entities.push_back(s);
        }
        bounds.push_back(int64_t(times.size()));
    }
    const double* columns[] = {cells[0].data(), cells[1].data(), cells[2].data()};
    for (const Late late : {Late::RAISE, Late::REVISE}) {
        Store by_rows(plan, late, true), by_threads(plan, late, true);
        for (int64_t s = 0; s < N_SERIES; s++) by_rows.add(), by_threads.add();
        by_rows.update_rows(entities.data(), columns, 3, times.data(), int64_t(times.size()), nullptr);
        if (!by_threads.update_series(0, columns, 3, times.data(), nullptr, bounds.data(), N_SERIES, 4)) return 1;
        Store few(plan, late, true);
        for (int64_t s = 0; s < N_FORGED; s++) few.add();
        few.update_rows(entities.data(), columns, 3, times.data(), N_FORGED * N, nullptr);
        const std::vector<char> bytes = bytes_of(few);
        // An entity may be at another level where its features grew in another order; what it says is the same.
        std::vector<double> told(size_t(plan.n_outputs())), again(told);
        const double row[] = {1.0, 2.0, 3.0};
        for (int64_t s = 0; s < N_SERIES; s++) {
            by_rows.peek(s, row, times.back() + DAY, told.data());
            by_threads.update(s, row, times.back() + DAY, again.data());
            if (std::memcmp(told.data(), again.data(), told.size() * sizeof(double)) != 0) return std::puts("they differ"), 1;
        }
        const uint64_t places[] = {0, 1, 2, 3, 7, 255, 1 << 20, uint64_t(1) << 31, uint64_t(1) << 62, ~uint64_t(0)};
        int n_taken = 0;
        for (int trial = 0; trial < 500; trial++) {
            std::vector<char> forged(bytes);
            for (int k = 0; k <= trial % 3; k++)
                std::memcpy(forged.data() + random() % (forged.size() / 8) * 8, &places[random() % 10], 8);
            Store store(plan, late, true);
            if (!store.load(forged.data(), forged.size(), N_FORGED)) continue;
            n_taken++;
            for (int i = 0; i < 12; i++)
                for (int64_t s = 0; s < N_FORGED; s++) store.update(s, row, times.back() + i * DAY, told.data());
        }
        if (n_taken == 0) return std::puts("no forged states were taken"), 1;
    }
    std::puts("all streams agree");
    return 0;
}
