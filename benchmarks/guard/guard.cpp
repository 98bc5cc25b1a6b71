// Every kernel on small fixed cells, so that its instructions can be counted: one call of guarded() each.
//
//   guard ISA      for callgrind, which counts inside of guarded() and writes what it counted after each call
//   guard ISA perf counts by the processor's own counter, where the system lets it
//
// Prints "cell kernel count" a line, kernels by the number of their name; the count is 0 where callgrind has it.
// Exits 3 where the instruction set, or the counter, is not there.
// Forests and tables come of a generator written out here, so that they are the same with every compiler and library.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "perfcore/engine.hpp"

#ifdef __linux__
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

using namespace perfcore;

struct Random {  // splitmix64
    uint64_t state;
    uint64_t next() {
        uint64_t z = state += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }
    int below(int n) { return static_cast<int>(next() % static_cast<uint64_t>(n)); }
};

// Thresholds of a feature are 0, 1, 2, ...; a cell is uniform among them.
struct Cell {
    const char* name;
    int n_features, depth, n_leaves, n_trees, n_thresholds, n_outputs;
    int64_t rows, calls;
    bool in_float, vector_leaves, missing, categories;
};

constexpr Cell CELLS[] = {
    // name           features depth leaves trees thresholds outputs rows calls  float vector missing categories
    {"boosted",             28, 10,   31,  64,   255, 1, 1024, 1, false, false, false, false},
    {"boosted-missing",     28, 10,   31,  64,   255, 1, 1024, 1, false, false, true, false},
    {"float-depth-6",       28,  6,   60,  64,   255, 1, 1024, 1, true, false, true, false},
    {"large-trees",         28, 16,  255,  16,   255, 1, 1024, 1, false, false, false, false},
    {"wide",               300, 10,   31,  32,   255, 1, 1024, 1, false, false, false, false},
    {"deep",                28, 30, 3000,   4, 20000, 2, 4096, 1, false, true, false, false},
    {"classes",             28,  8,   31,  60,   255, 3, 1024, 1, true, false, false, false},
    {"categories",          12, 10,   31,  32,   100, 1, 1024, 1, false, false, true, true},
    {"one-row",             28, 10,   31, 200,   255, 1, 1, 16, false, false, false, false},
    {"one-row-large",       28, 16,  255,  64,   255, 1, 1, 16, true, false, false, false},
    {"ten-rows",            28, 10,   31, 200,   255, 1, 10, 4, false, false, false, false},
    {"hundred-rows",        28, 10,   31, 100,   255, 1, 100, 2, false, false, false, false},
};

struct Forest {
    std::vector<int32_t> feature, left, right, category, root, leaf_start{0}, output, label;
    std::vector<double> threshold, value, base;
    std::vector<float> value_as_float, base_as_float;
    std::vector<uint8_t> flags;
    std::vector<int64_t> set_start{0};
    std::vector<uint32_t> set_words;
    ForestView view{};

    Forest(Random& r, const Cell& cell) {
        for (int t = 0; t < cell.n_trees; ++t) {
            std::vector<int> low(cell.n_features), high(cell.n_features, cell.n_thresholds);
            root.push_back(grow(r, cell, cell.n_leaves, cell.depth, low, high));
            leaf_start.push_back(static_cast<int32_t>(label.size()));
            output.push_back(cell.vector_leaves ? -1 : t % cell.n_outputs);
        }
        const size_t width = cell.vector_leaves ? cell.n_outputs : 1;
        for (size_t i = 0; i < label.size() * width; ++i) value.push_back(r.below(1000) / 8.0 - 60);
        base.assign(cell.n_outputs, 0.5);
        value_as_float.assign(value.begin(), value.end());
        base_as_float.assign(base.begin(), base.end());
        view.feature = feature.data(), view.threshold = threshold.data();
        view.left = left.data(), view.right = right.data();
        view.flags = flags.data(), view.category = category.data();
        view.set_start = set_start.data(), view.set_words = set_words.data();
        view.root = root.data(), view.leaf_start = leaf_start.data(), view.output = output.data();
        view.label = label.data();
        view.value = cell.in_float ? static_cast<const void*>(value_as_float.data()) : value.data();
        view.base = cell.in_float ? static_cast<const void*>(base_as_float.data()) : base.data();
        view.n_nodes = static_cast<int64_t>(feature.size()), view.n_leaves = static_cast<int64_t>(label.size());
        view.n_trees = cell.n_trees, view.n_features = cell.n_features, view.n_outputs = cell.n_outputs;
        view.leaf_width = static_cast<int32_t>(width);
        view.sums_in_float = view.rounds_to_float = cell.in_float;
        view.truncates_negative = true;
        view.missing = std::numeric_limits<double>::quiet_NaN();
    }

    // Leaves are shared out by the share of rows; a node cuts its box, of what is left the widest of three features.
    int32_t grow(Random& r, const Cell& cell, int n_leaves, int depth, std::vector<int>& low, std::vector<int>& high) {
        if (n_leaves == 1) {
            label.push_back(static_cast<int32_t>(label.size()));
            return ~label.back();
        }
        int f = r.below(cell.n_features);
        for (int i = 0; i < 2; ++i) {
            const int other = r.below(cell.n_features);
            if (high[other] - low[other] > high[f] - low[f]) f = other;
        }
        const int width = high[f] - low[f] > 1 ? high[f] - low[f] : 1;
        const int cut = low[f] + (width > 4 ? width / 4 + r.below(width / 2) : r.below(width));
        const int most = depth > 20 ? n_leaves - 1 : 1 << (depth - 1);
        int on_left = static_cast<int>(static_cast<int64_t>(n_leaves) * (cut + 1 - low[f]) / (width + 1));
        on_left = std::min(std::max({on_left, 1, n_leaves - most}), std::min(n_leaves - 1, most));
        const int32_t node = add_node(r, cell, f, cut);
        const int high_before = high[f], low_before = low[f];
        high[f] = cut;
        const int32_t to_left = grow(r, cell, on_left, depth - 1, low, high);
        high[f] = high_before, low[f] = cut + 1;
        const int32_t to_right = grow(r, cell, n_leaves - on_left, depth - 1, low, high);
        low[f] = low_before;
        left[node] = to_left, right[node] = to_right;
        return node;
    }

    int32_t add_node(Random& r, const Cell& cell, int f, int cut) {
        const bool categorical = cell.categories && f % 3 == 0;
        feature.push_back(f), threshold.push_back(cut);
        left.push_back(0), right.push_back(0);
        flags.push_back(static_cast<uint8_t>((cell.missing ? r.below(2) : 0) | (categorical ? CATEGORICAL : 0)));
        category.push_back(categorical ? static_cast<int32_t>(set_start.size() - 1) : -1);
        if (categorical) {
            for (int w = 0; w < 4; ++w) set_words.push_back(static_cast<uint32_t>(r.next() & r.next()));
            set_start.push_back(static_cast<int64_t>(set_words.size()));
        }
        return static_cast<int32_t>(feature.size()) - 1;
    }
};

std::vector<float> cells_of(Random& r, const Cell& cell) {
    std::vector<float> cells(static_cast<size_t>(cell.rows * cell.calls * cell.n_features));
    for (float& x : cells)
        x = cell.missing && r.below(50) == 0 ? std::numeric_limits<float>::quiet_NaN()
                                             : static_cast<float>(r.below(cell.n_thresholds + 1));
    return cells;
}

// What is counted. Its name is how callgrind finds it.
extern "C" __attribute__((noinline)) void guarded(const Engine& engine, const Cell& cell, const float* cells,
                                                  void* out) {
    for (int64_t call = 0; call < cell.calls; ++call) {
        const Table x{reinterpret_cast<const char*>(cells + call * cell.rows * cell.n_features), cell.n_features * 4, 4,
                      cell.rows, true};
        engine.predict(x, out, 1);
    }
}

// Instructions of this thread, outside of the kernel; not in all virtual machines.
class Counter {
  public:
#ifdef __linux__
    Counter() {
        perf_event_attr asked{};
        asked.type = PERF_TYPE_HARDWARE, asked.size = sizeof asked, asked.config = PERF_COUNT_HW_INSTRUCTIONS;
        asked.disabled = 1, asked.exclude_kernel = 1, asked.exclude_hv = 1;
        file_ = static_cast<int>(syscall(SYS_perf_event_open, &asked, 0, -1, -1, 0));
    }
    ~Counter() {
        if (file_ >= 0) close(file_);
    }
    void start() { ioctl(file_, PERF_EVENT_IOC_RESET, 0), ioctl(file_, PERF_EVENT_IOC_ENABLE, 0); }
    long long stop() {
        long long count = 0;
        ioctl(file_, PERF_EVENT_IOC_DISABLE, 0);
        return read(file_, &count, sizeof count) == sizeof count ? count : 0;
    }
#else
    void start() {}
    long long stop() { return 0; }
#endif
    bool counts() {
        if (file_ < 0) return false;
        start();
        return stop() > 0;
    }

  private:
    int file_ = -1;
};

int main(int n_arguments, char** arguments) {
    const char* names[] = {"portable", "avx2", "avx512"};
    int isa = 0;
    while (isa < 3 && (n_arguments < 2 || std::strcmp(arguments[1], names[isa]) != 0)) ++isa;
    if (isa == 3) return std::puts("guard portable|avx2|avx512 [perf]"), 2;
    const bool by_counter = n_arguments > 2;
    Counter counter;
    if (!runs_here(static_cast<InstructionSet>(isa)) || (by_counter && !counter.counts())) return 3;
    for (const Cell& cell : CELLS) {
        Random r{20240229};
        const Forest forest(r, cell);
        const std::vector<float> cells = cells_of(r, cell);
        std::vector<double> out(static_cast<size_t>(cell.rows * cell.n_outputs));
        for (int name = 0; name < N_KERNEL_NAMES; ++name) {
            if (name == static_cast<int>(KernelName::automatic) || name == static_cast<int>(KernelName::walk)) continue;
            const Engine engine(forest.view, static_cast<KernelName>(name), static_cast<InstructionSet>(isa));
            const Kernel& kernel = engine.kernel_for(cell.rows);
            if (static_cast<int>(kernel.name()) != name || static_cast<int>(kernel.isa()) != isa) continue;
            const Table first{reinterpret_cast<const char*>(cells.data()), cell.n_features * 4, 4, cell.rows, true};
            engine.predict(first, out.data(), 1);  // scratch space is taken and cleared outside of what is counted
            if (by_counter) counter.start();
            guarded(engine, cell, cells.data(), out.data());
            const long long count = by_counter ? counter.stop() : 0;
            std::printf("%s %d %lld\n", cell.name, name, count);
            std::fflush(stdout);
        }
    }
    return 0;
}
