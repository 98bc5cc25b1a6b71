// A cache of rows by key, whatever the keys are: its sections, and the store that resizing exchanges.
//
// Readers take the store as it is. To resize (or clear), writers are kept out at the gate until those inside have left,
// a new store is made of the old one's entries beside it, and is put in its place; the old one goes once every section
// that may read it is closed.
#pragma once

#include <chrono>
#include <thread>

#include "store.hpp"

namespace perfcore::cache {

class Cache {
public:
    virtual ~Cache() = default;

    virtual void get(const KeyBatch& keys, int64_t n, char* out, const char* fill, uint8_t* hit, int64_t now) = 0;
    virtual void contains(const KeyBatch& keys, int64_t n, uint8_t* hit, int64_t now) = 0;
    virtual std::shared_ptr<Slab> pin(const KeyBatch& key, int64_t now, int64_t& place, bool& is_full) = 0;
    virtual int64_t put(const KeyBatch& keys, int64_t n, const char* rows, const int64_t* versions,
                        const int64_t* untils, int64_t now, Log* log) = 0;
    virtual int64_t remove(const KeyBatch& keys, int64_t n, uint8_t* was) = 0;
    virtual void resize(int64_t capacity, int64_t max_pinned, bool keeps, bool has_dates, int64_t now) = 0;
    virtual void entries(int64_t now, Log& log, std::vector<int64_t>* dates) = 0;
    virtual int64_t size() = 0;
    virtual int64_t capacity() = 0;
    virtual Policy policy() = 0;
    virtual uint64_t nbytes() = 0;
    virtual const char* check() = 0;

    int64_t n_pinned() const { return n_pinned_->load(); }
    uint64_t total(Count which) const { return epochs_.total(which); }
    // Around a fork: writers are kept out, so that the child finds nothing half done; readers it has none.
    virtual void before_fork() {
        resizing_.lock();
        shut();
    }
    virtual void after_fork(bool is_child) {
        if (is_child) epochs_.forget_sections();
        gate_.store(false, std::memory_order_seq_cst);
        resizing_.unlock();
    }

protected:
    // Sections of CHUNK keys, one after another, in the store that is the cache's at the time.
    struct Section {
        Section(Cache& cache, uint64_t flags) : epochs(cache.epochs_), record(cache.open(flags)) {}
        ~Section() { epochs.close(record); }
        Section(const Section&) = delete;
        Section& operator=(const Section&) = delete;
        Epochs& epochs;
        Record* const record;
    };

    // How long a call goes on trying for rows that others, who are inside a section, keep from coming back: 20 ms, and
    // as long as rows take where all goes slowly; or 100 ms of an epoch that does not end. Once that was in vain nobody
    // tries until the epoch has ended.
    class Patience {
    public:
        Patience(int64_t n_rows, int64_t row_bytes)
            : left_(std::chrono::milliseconds(20) + n_rows * std::chrono::nanoseconds(10'000 + row_bytes)) {}

        // Whether to wait a moment and try once more; at the first try of a shortage, ``begins``.
        bool is_left(Cache& cache, bool begins) {
            const uint64_t epoch = cache.epochs_.now();
            if (cache.in_vain_.load(std::memory_order_relaxed) == epoch) return false;
            const auto now = std::chrono::steady_clock::now();
            if (!begins) left_ -= now - last_;
            if (begins || epoch != epoch_) since_ = now, epoch_ = epoch;
            last_ = now;
            if (left_ > left_.zero() && now - since_ < std::chrono::milliseconds(100)) return true;
            cache.in_vain_.store(epoch, std::memory_order_relaxed);
            return false;
        }

    private:
        std::chrono::steady_clock::duration left_;
        std::chrono::steady_clock::time_point last_, since_;
        uint64_t epoch_ = 0;
    };

    // The gate, as long as this lives; those who write have left once it is made.
    struct Shut {
        explicit Shut(Cache& cache) : cache(cache) { cache.shut(); }
        ~Shut() { cache.gate_.store(false, std::memory_order_seq_cst); }
        Shut(const Shut&) = delete;
        Shut& operator=(const Shut&) = delete;
        Cache& cache;
    };

    void shut() {
        gate_.store(true, std::memory_order_seq_cst);
        while (epochs_.is_writing()) std::this_thread::yield();
    }

    Record* open(uint64_t flags) {
        Record* record = epochs_.open(flags);
        while (flags != 0 && gate_.load(std::memory_order_seq_cst)) {
            epochs_.close(record);
            std::this_thread::sleep_for(std::chrono::microseconds(50));
            record = epochs_.open(flags);
        }
        return record;
    }

    Epochs epochs_;
    std::atomic<bool> gate_{false};
    std::atomic<uint64_t> in_vain_{0};
    std::mutex resizing_;
    const std::shared_ptr<std::atomic<int64_t>> n_pinned_ = std::make_shared<std::atomic<int64_t>>(0);
};

template <class Keys>
class CacheOf final : public Cache {
public:
    explicit CacheOf(const Settings& settings)
        : row_bytes_(settings.row_bytes), store_(new Store<Keys>(settings, epochs_, n_pinned_)) {}
    CacheOf(const Settings& settings, const Mapped& mapped, const KeyBatch& keys, const int64_t* dates)
        : row_bytes_(settings.row_bytes), store_(nullptr) {
        auto made = std::make_unique<Store<Keys>>(settings, epochs_, n_pinned_, mapped);
        made->name(Keys(keys), mapped.n, dates);
        store_ = made.release();
    }
    ~CacheOf() override { delete store_.load(); }

    void get(const KeyBatch& keys, int64_t n, char* out, const char* fill, uint8_t* hit, int64_t now) override {
        const Keys refs(keys);
        for (int64_t at = 0, end; at < n; at = end) {
            const Section section(*this, 0);
            end = std::min(n, at + store().chunk());
            store().get(*section.record, refs, at, end, out, fill, hit, now);
        }
    }

    void contains(const KeyBatch& keys, int64_t n, uint8_t* hit, int64_t now) override {
        const Keys refs(keys);
        for (int64_t at = 0; at < n; at += CHUNK) {
            const Section section(*this, 0);
            store().contains(refs, at, std::min(n, at + CHUNK), hit, now);
        }
    }

    std::shared_ptr<Slab> pin(const KeyBatch& key, int64_t now, int64_t& place, bool& is_full) override {
        const Section section(*this, 0);
        return store().pin(*section.record, Keys(key)[0], now, place, is_full);
    }

    int64_t put(const KeyBatch& keys, int64_t n, const char* rows, const int64_t* versions, const int64_t* untils,
                int64_t now, Log* log) override {
        const Keys refs(keys);
        Patience patience(n, row_bytes_);
        int64_t n_rejected = 0;
        for (int64_t at = 0, last = -1; at < n;) {
            {
                const Section section(*this, Epochs::WRITES);
                const int64_t end = std::min(n, at + store().chunk());
                at = store().put(*section.record, refs, at, end, rows, versions, untils, now, log, n_rejected);
                if (at == end) continue;
                store().relieve(*section.record, now, log);
                if (!patience.is_left(*this, at != last)) {
                    section.record->add(REJECTED);
                    n_rejected++, at++;
                    continue;
                }
                last = at;
            }
            std::this_thread::sleep_for(std::chrono::microseconds(50));
        }
        return n_rejected;
    }

    int64_t remove(const KeyBatch& keys, int64_t n, uint8_t* was) override {
        const Keys refs(keys);
        int64_t n_removed = 0;
        for (int64_t at = 0; at < n; at += CHUNK) {
            const Section section(*this, Epochs::WRITES);
            n_removed += store().remove(*section.record, refs, at, std::min(n, at + CHUNK), was);
        }
        return n_removed;
    }

    // ``capacity`` 0 and ``max_pinned`` -1: as they are.
    void resize(int64_t capacity, int64_t max_pinned, bool keeps, bool has_dates, int64_t now) override {
        const std::lock_guard<std::mutex> alone(resizing_);
        Settings settings = store().is;
        if (capacity != 0) settings.capacity = capacity;
        if (max_pinned != -1) settings.max_pinned = max_pinned;
        settings.has_dates |= has_dates;
        std::unique_ptr<Store<Keys>> next(new Store<Keys>(settings, epochs_, n_pinned_)), old;
        const Section section(*this, 0);
        {
            const Shut shut(*this);
            if (keeps) next->adopt(*section.record, store(), now);
            old.reset(store_.exchange(next.release(), std::memory_order_seq_cst));
        }
        for (const uint64_t last = epochs_.now() + 2; epochs_.now() < last; std::this_thread::yield()) {
            epochs_.renew(section.record);
            epochs_.advance(section.record);
        }
    }

    // Keys, rows and dates (version, until and touched of each) of what is there; one section after another.
    void entries(int64_t now, Log& log, std::vector<int64_t>* dates) override {
        const std::lock_guard<std::mutex> alone(resizing_);
        reserve(log, dates, size_t(store().size()));  // with no section open
        for (uint32_t at = 0; at < store().n_chains(); at += uint32_t(CHUNK)) {
            const Section section(*this, 0);
            store().visit(at, std::min(store().n_chains(), at + uint32_t(CHUNK)), now,
                          [&](uint64_t key, const char* row, const Dates* its) {
                Keys::write(key, log);
                log.rows.insert(log.rows.end(), row, row + store().is.row_bytes);
                if (dates == nullptr || its == nullptr) return;
                dates->insert(dates->end(), {its->version, its->until, its->touched.load(std::memory_order_relaxed)});
            });
        }
    }

    int64_t size() override {
        const Section section(*this, 0);
        return store().size();
    }
    int64_t capacity() override {
        const Section section(*this, 0);
        return store().is.capacity;
    }
    Policy policy() override {
        const Section section(*this, 0);
        return store().policy();
    }
    uint64_t nbytes() override {
        const Section section(*this, 0);
        return store().nbytes();
    }
    const char* check() override { return store().check(); }
    void before_fork() override {
        Cache::before_fork();
        store().before_fork();
    }
    void after_fork(bool is_child) override {
        store().after_fork(is_child);
        Cache::after_fork(is_child);
    }

private:
    Store<Keys>& store() const { return *store_.load(std::memory_order_acquire); }

    void reserve(Log& log, std::vector<int64_t>* dates, size_t n) {
        log.rows.reserve(n * size_t(store().is.row_bytes));
        (std::is_same<Keys, Integers>::value ? log.integers : log.ends).reserve(n);
        if (dates != nullptr && store().is.has_dates) dates->reserve(3 * n);
    }

    const int64_t row_bytes_;
    std::atomic<Store<Keys>*> store_;
};

}  // namespace perfcore::cache
