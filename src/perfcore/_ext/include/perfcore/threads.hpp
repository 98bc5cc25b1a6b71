// Rows are shared out among threads in pieces; trees never are, so that every sum keeps its order.
#pragma once

#include <atomic>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

#include "forest.hpp"
#include "scratch.hpp"

namespace perfcore {

// Calls work(begin, end, scratch) for pieces of [0, n); threads live for this call only, so a fork is harmless.
// A thread that cannot be had is done without: the caller's own thread takes every piece that is left.
template <typename Work>
Status in_pieces(int64_t n, int64_t piece, int n_threads, ScratchPool& pool, const Work& work) {
    if (n <= 0) return Status::ok;
    if (n_threads > (n + piece - 1) / piece) n_threads = static_cast<int>((n + piece - 1) / piece);
    if (n_threads <= 1) {
        char* scratch = pool.take();
        if (!scratch) return Status::out_of_memory;
        work(int64_t{0}, n, scratch);
        pool.give(scratch);
        return Status::ok;
    }
    std::atomic<int64_t> next{0};
    std::atomic<bool> failed{false};
    const auto run = [&] {
        char* scratch = pool.take();
        if (!scratch) {
            failed = true;
            return;
        }
        for (int64_t begin; !failed && (begin = next.fetch_add(piece)) < n;)
            work(begin, begin + piece < n ? begin + piece : n, scratch);
        pool.give(scratch);
    };
    std::vector<std::thread> threads;
    try {
        threads.reserve(n_threads - 1);
        for (int i = 1; i < n_threads; ++i) threads.emplace_back(run);
    } catch (const std::exception&) {
    }
    run();
    for (std::thread& thread : threads) thread.join();
    return failed ? Status::out_of_memory : Status::ok;
}

}  // namespace perfcore
