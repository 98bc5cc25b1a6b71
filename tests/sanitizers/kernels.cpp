// Made-up forests through every kernel, to be built with the address, undefined-behaviour or thread sanitizer.
// Exits 1 where two kernels disagree; the sanitizer stops it where memory or threads go wrong.
#include <cstdio>
#include <random>
#include <thread>
#include <vector>

#include "perfcore/kernel.hpp"

using namespace perfcore;

struct MadeUp {
    std::vector<int32_t> feature, left, right, category, root, leaf_start{0}, output, label;
    std::vector<double> threshold, value, base;
    std::vector<uint8_t> flags;
    std::vector<int64_t> set_start{0};
    std::vector<uint32_t> set_words;
    ForestView view{};

    MadeUp(std::mt19937& rng, int n_features, int n_trees, int max_leaves, int n_outputs) {
        const auto below = [&](int n) { return static_cast<int>(rng() % static_cast<unsigned>(n)); };
        for (int t = 0; t < n_trees; ++t) {
            const int n_leaves = 1 + below(max_leaves), first = static_cast<int>(feature.size());
            const int first_leaf = leaf_start.back();
            root.push_back(n_leaves > 1 ? first : ~first_leaf);
            std::vector<int32_t*> loose;
            left.reserve(100000), right.reserve(100000);  // children are filled in by address
            for (int i = 0; i + 1 < n_leaves; ++i) {
                const bool categorical = below(4) == 0;
                feature.push_back(below(n_features));
                threshold.push_back(below(5) == 0 ? 0.0 : below(41) / 10.0 - 2);
                flags.push_back(static_cast<uint8_t>(below(2) | (categorical ? CATEGORICAL | below(2) * OTHER_LEFT
                                                                             : below(2) * ZERO_MISSING)));
                category.push_back(categorical ? static_cast<int32_t>(set_start.size() - 1) : -1);
                if (categorical) {
                    for (int w = below(3); w > 0; --w) set_words.push_back(static_cast<uint32_t>(rng() & rng()));
                    set_start.push_back(static_cast<int64_t>(set_words.size()));
                }
                left.push_back(0), right.push_back(0);
                if (i > 0) {
                    std::swap(loose[below(static_cast<int>(loose.size()))], loose.back());
                    *loose.back() = first + i;
                    loose.pop_back();
                }
                loose.push_back(&left.back()), loose.push_back(&right.back());
            }
            for (int l = 0; l < n_leaves; ++l) {
                if (n_leaves > 1) *loose[l] = ~(first_leaf + l);
                value.push_back(below(1000) / 7.0);
                label.push_back(l);
            }
            leaf_start.push_back(first_leaf + n_leaves);
            output.push_back(below(n_outputs));
        }
        base.assign(n_outputs, 0.5);
        view.feature = feature.data(), view.threshold = threshold.data();
        view.left = left.data(), view.right = right.data();
        view.flags = flags.data(), view.category = category.data();
        view.set_start = set_start.data(), view.set_words = set_words.data();
        view.root = root.data(), view.leaf_start = leaf_start.data(), view.output = output.data();
        view.value = value.data(), view.label = label.data(), view.base = base.data();
        view.n_nodes = static_cast<int64_t>(feature.size()), view.n_leaves = static_cast<int64_t>(value.size());
        view.n_trees = n_trees, view.n_features = n_features, view.n_outputs = n_outputs, view.leaf_width = 1;
        view.truncates_negative = below(2) == 0;
        view.zero_bound = 1e-35, view.missing = std::nan("");
    }
};

// Whether a kernel gives the plain walk's answers and leaves, to three callers at once.
bool agrees(const MadeUp& forest, const Table& x, KernelName name, InstructionSet isa) {
    const size_t n_answers = static_cast<size_t>(x.n * forest.view.n_outputs);
    const size_t n_labels = static_cast<size_t>(x.n * forest.view.n_trees);
    struct Answer {
        std::vector<double> sums;
        std::vector<int32_t> labels;
    };
    const auto ask = [&](const Kernel& kernel, Answer& answer, int n_threads) {
        answer.sums.resize(n_answers), answer.labels.resize(n_labels);
        kernel.predict(x, answer.sums.data(), n_threads);
        kernel.leaves(x, answer.labels.data(), n_threads);
    };
    Answer expected, answers[3];
    ask(Kernel(forest.view, KernelName::walk, InstructionSet::portable), expected, 1);
    const Kernel kernel(forest.view, name, isa);
    std::vector<std::thread> callers;
    for (Answer& answer : answers) callers.emplace_back([&] { ask(kernel, answer, 2); });
    for (std::thread& caller : callers) caller.join();
    for (const Answer& answer : answers)
        if (std::memcmp(answer.sums.data(), expected.sums.data(), n_answers * 8) != 0 || answer.labels != expected.labels)
            return false;
    return true;
}

int main() {
    std::mt19937 rng(20260101);
    for (int round = 0; round < 40; ++round) {
        const int n_features = 1 + static_cast<int>(rng() % 30), n_outputs = 1 + static_cast<int>(rng() % 3);
        const MadeUp forest(rng, n_features, 1 + static_cast<int>(rng() % 12), round % 4 ? 40 : 600, n_outputs);
        const int64_t n = round % 3 ? 1 + static_cast<int64_t>(rng() % 1500) : 1 + static_cast<int64_t>(rng() % 20);
        std::vector<double> cells(static_cast<size_t>(n * n_features));
        for (double& cell : cells) {
            const unsigned kind = rng() % 8;
            cell = kind == 0 ? std::nan("") : kind == 1 ? 1e30 : kind == 2 ? -0.5 : static_cast<int>(rng() % 80) / 10.0 - 2;
        }
        const std::vector<float> floats(cells.begin(), cells.end());
        const Table tables[] = {
            {reinterpret_cast<const char*>(cells.data()), n_features * 8, 8, n, false},
            {reinterpret_cast<const char*>(cells.data()), 8, n * 8, n, false},
            {reinterpret_cast<const char*>(floats.data()), n_features * 4, 4, n, true},
            {reinterpret_cast<const char*>(floats.data()), 4, n * 4, n, true},
        };
        for (const Table& x : tables)
            for (const KernelName name : {KernelName::interleave, KernelName::bitslice})
                for (const InstructionSet isa : {InstructionSet::portable, InstructionSet::avx512})
                    if (runs_here(isa) && !agrees(forest, x, name, isa)) {
                        std::printf("round %d: kernels disagree\n", round);
                        return 1;
                    }
    }
    std::puts("all kernels agree");
    return 0;
}
