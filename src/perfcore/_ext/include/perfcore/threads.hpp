// Rows are shared out among threads in pieces; trees never are, so that every sum keeps its order.
#pragma once

#include <atomic>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

#include "forest.hpp"

namespace perfcore {

// Calls work(begin, end) -> Status for pieces of [0, n); threads live for this call only, so a fork is harmless.
// A thread that cannot be had is done without: the caller's own thread takes every piece that is left.
template <typename Work>
Status in_pieces(int64_t n, int64_t piece, int n_threads, const Work& work) {
    if (n_threads > (n + piece - 1) / piece) n_threads = static_cast<int>((n + piece - 1) / piece);
    if (n_threads <= 1) return n > 0 ? work(int64_t{0}, n) : Status::ok;
    std::atomic<int64_t> next{0};
    std::atomic<int> failed{0};
    const auto run = [&] {
        for (int64_t begin; failed == 0 && (begin = next.fetch_add(piece)) < n;) {
            const Status status = work(begin, begin + piece < n ? begin + piece : n);
            if (status != Status::ok) failed = static_cast<int>(status);
        }
    };
    std::vector<std::thread> threads;
    try {
        threads.reserve(n_threads - 1);
        for (int i = 1; i < n_threads; ++i) threads.emplace_back(run);
    } catch (const std::exception&) {
    }
    run();
    for (std::thread& thread : threads) thread.join();
    return static_cast<Status>(failed.load());
}

}  // namespace perfcore
