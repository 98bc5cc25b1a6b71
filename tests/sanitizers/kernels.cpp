// Made-up forests through every kernel on every instruction set of the machine, against the plain walk; to be built
// with the address, undefined-behaviour or thread sanitizer, or for another processor.
// Exits 1 where two kernels disagree; the sanitizer stops it where memory or threads go wrong.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "perfcore/engine.hpp"

using namespace perfcore;

struct Random {
    std::mt19937 engine;
    int below(int n) { return static_cast<int>(engine() % static_cast<unsigned>(n)); }
    bool one_in(int n) { return below(n) == 0; }
};

// What a forest is like; the random numbers decide the rest.
struct Shape {
    int n_features, n_trees, max_leaves, n_outputs, n_thresholds;
    bool categories, zero_missing, vector_leaves, sums_in_float, rounds_to_float, has_missing_value;

    explicit Shape(Random& r)
        : n_features(1 + (r.one_in(5) ? r.below(300) : r.below(30))), n_trees(1 + r.below(r.one_in(4) ? 150 : 12)),
          max_leaves(r.one_in(6) ? 1 + r.below(3000) : r.one_in(3) ? 32 : 1 + r.below(80)), n_outputs(1 + r.below(3)),
          n_thresholds(r.one_in(3) ? 1 + r.below(5000) : 1 + r.below(60)), categories(r.one_in(3)),
          zero_missing(r.one_in(3)), vector_leaves(r.one_in(3)), sums_in_float(r.one_in(2)),
          rounds_to_float(r.one_in(2)), has_missing_value(r.one_in(4)) {
        if (max_leaves > 100) n_trees = 1 + r.below(5);
        if (r.one_in(10)) {  // few steps over many columns
            n_features = 600, n_trees = 1, max_leaves = 400;
            categories = zero_missing = false;
        }
    }
};

struct MadeUp {
    std::vector<int32_t> feature, left, right, category, root, leaf_start{0}, output, label;
    std::vector<double> threshold, value, base;
    std::vector<float> value_as_float, base_as_float;
    std::vector<uint8_t> flags;
    std::vector<int64_t> set_start{0};
    std::vector<uint32_t> set_words;
    ForestView view{};

    MadeUp(Random& r, const Shape& shape) {
        const bool vector = shape.vector_leaves && shape.n_outputs > 1;
        const int width = vector ? shape.n_outputs : 1;
        for (int t = 0; t < shape.n_trees; ++t) {
            add_tree(r, shape, 1 + r.below(shape.max_leaves));
            output.push_back(vector ? -1 : r.below(shape.n_outputs));
        }
        for (size_t i = 0; i < label.size() * width; ++i) value.push_back(r.below(1000) / 7.0);
        base.assign(shape.n_outputs, 0.5);
        value_as_float.assign(value.begin(), value.end());
        base_as_float.assign(base.begin(), base.end());
        view.feature = feature.data(), view.threshold = threshold.data();
        view.left = left.data(), view.right = right.data();
        view.flags = flags.data(), view.category = category.data();
        view.set_start = set_start.data(), view.set_words = set_words.data();
        view.root = root.data(), view.leaf_start = leaf_start.data(), view.output = output.data();
        view.label = label.data();
        view.value = shape.sums_in_float ? static_cast<const void*>(value_as_float.data()) : value.data();
        view.base = shape.sums_in_float ? static_cast<const void*>(base_as_float.data()) : base.data();
        view.n_nodes = static_cast<int64_t>(feature.size()), view.n_leaves = static_cast<int64_t>(label.size());
        view.n_trees = shape.n_trees, view.n_features = shape.n_features, view.n_outputs = shape.n_outputs;
        view.leaf_width = width;
        view.sums_in_float = shape.sums_in_float, view.rounds_to_float = shape.rounds_to_float;
        view.truncates_negative = r.one_in(2);
        view.zero_bound = 1e-35, view.missing = shape.has_missing_value ? 1.5 : std::nan("");
    }

    void add_tree(Random& r, const Shape& shape, int n_leaves) {
        const int first = static_cast<int>(feature.size()), first_leaf = leaf_start.back();
        root.push_back(n_leaves > 1 ? first : ~first_leaf);
        struct Loose {
            int node;
            bool is_left;
        };
        std::vector<Loose> loose;  // children that are not decided yet
        const auto tie = [&](const Loose& at, int child) { (at.is_left ? left : right)[at.node] = child; };
        for (int i = 0; i + 1 < n_leaves; ++i) {
            add_node(r, shape);
            if (i > 0) {
                std::swap(loose[r.below(static_cast<int>(loose.size()))], loose.back());
                tie(loose.back(), first + i);
                loose.pop_back();
            }
            loose.push_back({first + i, true}), loose.push_back({first + i, false});
        }
        for (int l = 0; l < n_leaves; ++l) {
            if (n_leaves > 1) tie(loose[l], ~(first_leaf + l));
            label.push_back(l);
        }
        leaf_start.push_back(first_leaf + n_leaves);
    }

    void add_node(Random& r, const Shape& shape) {
        const bool categorical = shape.categories && r.one_in(4);
        feature.push_back(r.below(shape.n_features));
        const double step = 4.0 / shape.n_thresholds, awkward[] = {0.0, -0.0, 1e-45, 1e300, 5e-324, 1.0 + 1e-12};
        threshold.push_back(r.one_in(9) ? awkward[r.below(6)] : r.below(shape.n_thresholds) * step - 2);
        uint8_t flag = static_cast<uint8_t>(r.below(2));
        if (categorical) {
            flag = static_cast<uint8_t>(flag | CATEGORICAL | r.below(2) * OTHER_LEFT);
        } else if (shape.zero_missing) {
            flag = static_cast<uint8_t>(flag | r.below(2) * ZERO_MISSING);
        }
        flags.push_back(flag);
        category.push_back(categorical ? static_cast<int32_t>(set_start.size() - 1) : -1);
        if (categorical) {
            for (int w = r.below(3); w > 0; --w) set_words.push_back(r.engine() & r.engine());
            set_start.push_back(static_cast<int64_t>(set_words.size()));
        }
        left.push_back(0), right.push_back(0);
    }
};

// Cells at, beside and between thresholds, in memory that ends where they end: a byte too far is found.
template <typename Real>
struct Cells {
    std::unique_ptr<Real[]> at;
    Table table;

    // A gap is left before the first cell, between rows and between columns.
    Cells(Random& r, const MadeUp& forest, int64_t n, bool by_column, int64_t gap) {
        const int64_t width = forest.view.n_features, step = 1 + (gap > 2);
        const int64_t line = (by_column ? n : width) * step + gap, lines = by_column ? width : n;
        const int64_t size = gap + (lines - 1) * line + ((by_column ? n : width) - 1) * step + 1;
        at.reset(new Real[static_cast<size_t>(size)]());
        for (int64_t i = 0; i < size; ++i) at[i] = static_cast<Real>(cell(r, forest));
        const int64_t real = sizeof(Real);
        table = {reinterpret_cast<const char*>(at.get() + gap), (by_column ? step : line) * real,
                 (by_column ? line : step) * real, n, sizeof(Real) == 4};
    }

    static double cell(Random& r, const MadeUp& forest) {
        const double infinity = std::numeric_limits<double>::infinity();
        const double awkward[] = {std::nan(""), 1e30, -0.5, infinity, -infinity, 0.0, -0.0, 1e-36, 1.5, 3.0};
        if (forest.threshold.empty() || r.one_in(4)) return awkward[r.below(10)];
        const double t = forest.threshold[r.below(static_cast<int>(forest.threshold.size()))];
        const int kind = r.below(5);
        if (kind == 0) return std::nextafter(t, infinity);
        if (kind == 1) return std::nextafter(t, -infinity);
        if (kind == 2) return r.below(80) / 10.0 - 2;
        return t;
    }
};

struct Answer {
    std::vector<char> sums;
    std::vector<int32_t> labels;
};

Answer ask(const Engine& engine, const ForestView& forest, const Table& x, int n_threads) {
    Answer answer;
    answer.sums.resize(static_cast<size_t>(x.n * forest.n_outputs * (forest.sums_in_float ? 4 : 8)));
    answer.labels.resize(static_cast<size_t>(x.n * forest.n_trees));
    engine.predict(x, answer.sums.data(), n_threads);
    engine.leaves(x, answer.labels.data(), n_threads);
    return answer;
}

// Whether a kernel gives the plain walk's answers and leaves, to three callers at once.
bool agrees(const MadeUp& forest, const Table& x, const Answer& expected, KernelName name, InstructionSet isa) {
    const Engine engine(forest.view, name, isa);
    Answer answers[3];
    std::vector<std::thread> callers;
    for (Answer& answer : answers) callers.emplace_back([&] { answer = ask(engine, forest.view, x, 2); });
    for (std::thread& caller : callers) caller.join();
    for (const Answer& answer : answers)
        if (answer.sums != expected.sums || answer.labels != expected.labels) return false;
    return true;
}

bool all_agree(const MadeUp& forest, const Table& x) {
    const Engine plain(forest.view, KernelName::walk, InstructionSet::portable);
    const Answer expected = ask(plain, forest.view, x, 1);
    for (int name = 0; name < N_KERNEL_NAMES; ++name)
        for (const InstructionSet isa : {InstructionSet::portable, InstructionSet::avx2, InstructionSet::avx512})
            if (runs_here(isa) && !agrees(forest, x, expected, static_cast<KernelName>(name), isa)) {
                std::printf("kernel %d on instruction set %d disagrees\n", name, static_cast<int>(isa));
                return false;
            }
    return true;
}

int64_t some_rows(Random& r) {
    const int64_t edges[] = {1, 2, 15, 16, 17, 63, 64, 65, 511, 512, 513, 1023, 1024, 1025};
    return r.one_in(3) ? edges[r.below(14)] : r.one_in(2) ? 1 + r.below(20) : 1 + r.below(1500);
}

// Arguments: the first seed, and how many to go through.
int main(int n_arguments, char** arguments) {
    const int first = n_arguments > 1 ? std::atoi(arguments[1]) : 1;
    const int count = n_arguments > 2 ? std::atoi(arguments[2]) : 60;
    for (int seed = first; seed < first + count; ++seed) {
        Random r{std::mt19937(static_cast<unsigned>(seed))};
        const Shape shape(r);
        const MadeUp forest(r, shape);
        const int64_t n = shape.max_leaves > 100 ? 1 + some_rows(r) / 4 : some_rows(r), gap = r.below(4);
        const bool by_column = r.one_in(3);
        if (!all_agree(forest, Cells<double>(r, forest, n, by_column, gap).table) ||
            !all_agree(forest, Cells<float>(r, forest, n, by_column, gap).table)) {
            std::printf("seed %d, %lld rows\n", seed, static_cast<long long>(n));
            return 1;
        }
    }
    std::puts("all kernels agree");
    return 0;
}
