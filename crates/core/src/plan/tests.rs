use proptest::prelude::*;

use super::*;
use crate::profile::Uniformity;

const X: Sizing = Sizing {
    min: 1,
    max: 5_000_000,
    multiple_of: 1,
    max_count: 1000,
    max_total: u64::MAX,
    uniformity: Uniformity::Free,
    empty: Empty::Refused,
};

fn chunk(bytes: u64) -> ChunkSize {
    ChunkSize::new(bytes).unwrap()
}

#[test]
fn the_numbers_of_the_x_fact_sheet() {
    // §2.3: 512 MiB needs segments of at least 536,871 bytes; the largest file is 5.0 GB.
    let video = 536_870_912;
    assert_eq!(Plan::new(video, &X, ChunkSize::DEFAULT).unwrap().count(), 128);
    let smallest = Plan::new(video, &X, chunk(1)).unwrap();
    assert_eq!((smallest.chunk_size(), smallest.count()), (536_871, 1000));
    let largest = Plan::new(5_000_000_000, &X, ChunkSize::DEFAULT).unwrap();
    assert_eq!((largest.chunk_size(), largest.count()), (5_000_000, 1000));
    assert_eq!(
        Plan::new(5_000_000_001, &X, ChunkSize::DEFAULT),
        Err(PlanError::TooManySegments {
            total: 5_000_000_001,
            count: 1001,
            max_count: 1000,
            largest: 5_000_000_000
        })
    );
}

#[test]
fn what_is_impossible_names_the_nearest_possible() {
    assert_eq!(
        Plan::new(10, &X, chunk(5_000_001)),
        Err(PlanError::ChunkTooLarge { wanted: 5_000_001, largest: 5_000_000 })
    );
    assert_eq!(Plan::new(0, &X, ChunkSize::DEFAULT), Err(PlanError::EmptySource));
    let small = Sizing { max_total: 9, ..X };
    assert_eq!(Plan::new(10, &small, chunk(1)), Err(PlanError::SourceTooLarge { total: 10, largest: 9 }));
}

/// Where the server has no largest segment, "no size at all" must not be taken for a very large one.
#[test]
fn without_a_largest_segment_what_is_impossible_stays_impossible() {
    let unbounded = Sizing { max: u64::MAX, ..X };
    let none = Sizing { max_count: 0, ..unbounded };
    assert!(matches!(Plan::new(103, &none, chunk(78)), Err(PlanError::TooManySegments { count: 1, .. })));
    // The next multiple of ten lies beyond the largest number.
    let tens = Sizing { max_count: 1, multiple_of: 10, ..unbounded };
    assert!(matches!(Plan::new(u64::MAX, &tens, chunk(1)), Err(PlanError::TooManySegments { .. })));
    assert_eq!(Plan::new(u64::MAX - 5, &tens, chunk(1)).unwrap().chunk_size(), u64::MAX - 5);
}

#[test]
fn an_empty_source_is_one_segment_or_none() {
    let one = Plan::new(0, &Sizing { empty: Empty::OneSegment, ..X }, chunk(4)).unwrap();
    assert_eq!(one.segments().map(|s| s.range.len()).collect::<Vec<_>>(), [0]);
    let none = Plan::new(0, &Sizing { empty: Empty::NoSegment, ..X }, chunk(4)).unwrap();
    assert_eq!(none.count(), 0);
    assert!(one.is_sound(&X) && none.is_sound(&X));
}

#[test]
fn a_shrunk_plan_keeps_what_is_frozen() {
    let plan = Plan::new(100, &X, chunk(10)).unwrap();
    let shrunk = plan.shrunk(3, &X, 5, 9).unwrap();
    assert_eq!(shrunk.count(), 3 + 14);
    for i in 0..3 {
        assert_eq!(shrunk.segment(SegmentIndex::new(i)), plan.segment(SegmentIndex::new(i)));
    }
    assert_eq!(shrunk.segment(SegmentIndex::new(3)).unwrap().range, ByteRange::at(30, 5));
    // Too few indexes left: the size is raised, but never to what was refused.
    let tight = Sizing { max_count: 11, ..X };
    assert_eq!(plan.shrunk(3, &tight, 5, 9).unwrap().chunk_size(), 9);
    assert_eq!(plan.shrunk(3, &Sizing { max_count: 10, ..X }, 5, 9), Err(10));
}

#[test]
fn a_plan_that_nobody_could_have_made_is_not_sound() {
    let sizing = Sizing { max: 50, max_count: 12, max_total: 200, ..X };
    let run = |first, start, size| Run { first, start, size };
    let plan = |total, count, runs: &[Run]| Plan { total, count, runs: runs.to_vec(), end: End::Known };
    let sound = plan(100, 12, &[run(0, 0, 10), run(4, 40, 8)]);
    assert!(sound.is_sound(&sizing));
    for (why, plan) in [
        ("no run", plan(100, 0, &[])),
        ("it begins in the middle", plan(100, 10, &[run(0, 5, 10)])),
        ("its first index is not 0", plan(100, 11, &[run(1, 0, 10)])),
        ("a hole between two runs", plan(100, 11, &[run(0, 0, 10), run(4, 50, 8)])),
        ("one run over another", plan(100, 12, &[run(0, 0, 10), run(4, 39, 8)])),
        ("two runs of one index", plan(100, 10, &[run(0, 0, 20), run(0, 0, 10)])),
        ("runs the other way round", plan(100, 10, &[run(0, 0, 10), run(5, 50, 10), run(4, 40, 10)])),
        ("segments without a byte", plan(0, 0, &[run(0, 0, 0)])),
        ("segments too large", plan(100, 2, &[run(0, 0, 51)])),
        ("a run behind the end", plan(30, 4, &[run(0, 0, 10), run(4, 40, 8)])),
        ("too many segments", plan(100, 13, &[run(0, 0, 8)])),
        ("a count that is not so", plan(100, 9, &[run(0, 0, 10)])),
        ("a source too large", plan(201, 5, &[run(0, 0, 50)])),
        ("two segments of nothing", plan(0, 2, &[run(0, 0, 1)])),
        ("two runs of nothing", plan(0, 1, &[run(0, 0, 1), run(1, 1, 1)])),
    ] {
        assert!(!plan.is_sound(&sizing), "{why}");
    }
}

#[test]
fn what_stands_in_the_way_of_a_plan_is_said_with_its_numbers() {
    use alloc::string::ToString as _;

    for (error, told) in [
        (PlanError::EmptySource, "the source is empty, and the destination takes no empty object"),
        (
            PlanError::SourceTooLarge { total: 10, largest: 9 },
            "the source has 10 bytes; the destination takes at most 9",
        ),
        (
            PlanError::ChunkTooLarge { wanted: 6, largest: 5 },
            "a chunk size of 6 bytes is too large; the largest possible is 5",
        ),
        (
            PlanError::TooManySegments { total: 100, count: 20, max_count: 10, largest: 50 },
            "100 bytes need 20 segments of the largest size, but there may be 10; the largest source \
             possible has 50 bytes",
        ),
        (
            PlanError::Unsupported(Unsupported::NotKept { chunk: 9, largest: 8 }),
            "a source that can be read once only is kept segment by segment until it is stored; of segments of 9 bytes \
             none can be kept, the largest possible has 8: take a smaller chunk size, or a larger byte budget, of which \
             such sources may hold half",
        ),
        (
            PlanError::LengthRequired,
            "the destination must know the source's length before the upload begins: give the length, or write the \
             source to a file first",
        ),
    ] {
        assert_eq!(error.to_string(), told);
    }
}

proptest! {
    /// Segments tile the source exactly, whatever was shrunk on the way, and every lookup agrees.
    #[test]
    fn segments_tile_the_source(
        total in 1u64..5000, wanted in 1u64..600, multiple_of in 1u64..9, max_count in 1u32..200,
        shrinks in proptest::collection::vec((0u32..200, 1u64..300, any::<bool>()), 0..4),
    ) {
        let sizing = Sizing { max: 1000, multiple_of, max_count, ..X };
        let Ok(mut plan) = Plan::new(total, &sizing, chunk(wanted)) else {
            prop_assert!(total > u64::from(max_count) * (1000 - 1000 % multiple_of));
            return Ok(());
        };
        for (keep, ceiling, at_an_offset) in shrinks {
            if at_an_offset {
                let offset = u64::from(keep) * 7 % total;
                if let Ok(cut) = plan.shrunk_from(offset, &sizing, ceiling / 2 + 1, ceiling) {
                    for segment in cut.segments().filter(|s| s.range.end() > offset) {
                        prop_assert!(segment.range.len() <= ceiling, "{} behind {offset}", segment.range);
                    }
                    let kept = |plan: &Plan| {
                        let kept = plan.segments().filter(|s| s.range.end() <= offset - offset % multiple_of);
                        kept.collect::<Vec<_>>()
                    };
                    prop_assert!(kept(&cut).starts_with(&kept(&plan)));
                    plan = cut;
                }
                continue;
            }
            let keep = keep.min(plan.count());
            match plan.shrunk(keep, &sizing, ceiling / 2 + 1, ceiling) {
                Ok(shrunk) => {
                    prop_assert!(keep == plan.count() || shrunk.chunk_size() <= ceiling);
                    plan = shrunk;
                }
                Err(smallest) => prop_assert!(smallest > ceiling - ceiling % multiple_of),
            }
        }
        prop_assert!(plan.is_sound(&sizing));
        prop_assert!(plan.count() <= max_count);
        let mut at = 0;
        for (i, segment) in plan.segments().enumerate() {
            prop_assert_eq!(segment.index.get() as usize, i);
            prop_assert_eq!(segment.range.start(), at);
            prop_assert!(!segment.range.is_empty());
            prop_assert!(segment.range.len() % multiple_of == 0 || segment.range.end() == total);
            for offset in [segment.range.start(), segment.range.end() - 1] {
                prop_assert_eq!(plan.index_at(offset), Some(segment.index));
            }
            at = segment.range.end();
        }
        prop_assert_eq!(at, total);
        prop_assert_eq!(plan.index_at(total), None);
        prop_assert_eq!(plan.segment(SegmentIndex::new(plan.count())), None);
    }
}

const S3: Sizing = Sizing {
    min: 5 << 20,
    max: 5 << 30,
    multiple_of: 1,
    max_count: 10_000,
    max_total: 5 << 40,
    uniformity: Uniformity::Free,
    empty: Empty::NoSegment,
};

/// What the documentation of [`Plan::open`] says.
#[test]
fn ten_thousand_parts_of_unknown_number_suffice_for_the_largest_object() {
    for (wanted, runs, first, whole_at) in [(1u64, 11, 910, 5u64 << 20), (8 << 20, 10, 1000, 8 << 20)] {
        let mut plan = Plan::open(&S3, chunk(wanted)).unwrap();
        assert_eq!((plan.chunk_size(), plan.runs.len(), plan.runs[1].first), (whole_at, runs, first));
        assert!(plan.runs.windows(2).all(|pair| pair[1].size == 2 * pair[0].size));
        assert!(plan.runs.last().unwrap().size <= S3.max);
        assert_eq!(plan.reach(&S3), 5 << 40);
        plan.close(5 << 40, &S3).unwrap();
        assert!(plan.count() <= 10_000 && plan.is_sound(&S3), "{}", plan.count());
    }
    let mut plan = Plan::open(&S3, chunk(1)).unwrap();
    plan.grow((910 * 5) << 20, &S3).unwrap();
    assert_eq!((plan.count(), plan.chunk_size()), (909, 5 << 20));
    plan.grow(((910 * 5) << 20) + 1, &S3).unwrap();
    assert_eq!((plan.count(), plan.chunk_size()), (910, 10 << 20));
    let endless = PlanError::Unsupported(Unsupported::Endless { seen: (5 << 40) + 1, largest: 5 << 40 });
    assert_eq!(plan.grow((5 << 40) + 1, &S3), Err(endless));
}

#[test]
fn where_segments_must_be_alike_an_open_plan_does_not_grow() {
    let uniform = Sizing { uniformity: Uniformity::Uniform, max_count: 7, ..X };
    let mut plan = Plan::open(&uniform, chunk(10)).unwrap();
    assert_eq!(
        plan.close(71, &uniform),
        Err(PlanError::Unsupported(Unsupported::Endless { seen: 71, largest: 70 }))
    );
    plan.close(68, &uniform).unwrap();
    assert_eq!(plan.segments().map(|s| s.range.len()).collect::<Vec<_>>(), [10, 10, 10, 10, 10, 10, 8]);
}

#[test]
fn what_an_open_plan_can_not_be_is_said_at_once() {
    let of = |sizing: &Sizing, wanted| Plan::open(sizing, chunk(wanted)).map(|_| ());
    let too_large = |wanted, largest| Err(PlanError::ChunkTooLarge { wanted, largest });
    assert_eq!(of(&X, 5_000_001), too_large(5_000_001, 5_000_000));
    assert_eq!(of(&Sizing { min: 90, max: 80, ..X }, 1), too_large(90, 80));
    assert_eq!(of(&Sizing { multiple_of: 7, max: 20, ..X }, 15), too_large(21, 14));
    let none = Sizing { max_count: 0, ..X };
    assert!(matches!(of(&none, 1), Err(PlanError::TooManySegments { max_count: 0, .. })));
    let mut plan = Plan::open(&X, chunk(5)).unwrap();
    assert_eq!(plan.close(0, &X), Err(PlanError::EmptySource));
    let told = alloc::string::ToString::to_string(&PlanError::Unsupported(Unsupported::Endless {
        seen: 71,
        largest: 70,
    }));
    assert_eq!(
        told,
        "the source has 71 bytes or more; of one whose length is not known, at most 70 can be uploaded with this chunk \
         size: take a larger one, or give the length"
    );
}

#[test]
fn an_open_plan_that_nobody_could_have_made_is_not_sound() {
    let sizing = Sizing { max: 50, max_count: 12, max_total: 400, ..X };
    let mut plan = Plan::open(&sizing, chunk(10)).unwrap();
    plan.grow(65, &sizing).unwrap();
    assert!(plan.is_sound(&sizing));
    assert!(!Plan { count: 5, ..plan.clone() }.is_sound(&sizing));
    assert!(!Plan { total: 401, ..plan.clone() }.is_sound(&sizing), "further than it reaches");
    assert!(!plan.is_sound(&Sizing { max: 15, ..sizing }));
    plan.runs[1].start += 1;
    assert!(!plan.is_sound(&sizing));
}

/// The same cut, one segment after the other, as the documentation of [`Plan::open`] has it.
fn naive(total: u64, sizing: &Sizing, wanted: u64) -> Option<Vec<u64>> {
    let step = sizing.multiple_of.max(1);
    let (size, largest) = (wanted.max(sizing.min).div_ceil(step) * step, sizing.max / step * step);
    let sizes = |runs: u32| {
        let (each, odd) = (sizing.max_count / runs, sizing.max_count % runs);
        (0..runs).flat_map(move |run| {
            let count = each + if run == 0 { odd } else { 0 };
            core::iter::repeat_n((size << run.min(30)).min(largest), count as usize)
        })
    };
    let most = if sizing.uniformity == Uniformity::Uniform { 1 } else { sizing.max_count };
    let enough =
        |runs: &u32| sizes(*runs).sum::<u64>() >= sizing.max_total || (size << (runs - 1).min(30)) >= largest;
    let runs = (1..=most).find(enough).unwrap_or(most);
    let mut left = total;
    let mut cut = Vec::new();
    for size in sizes(runs) {
        if left > 0 {
            cut.push(size.min(left));
            left = left.saturating_sub(size);
        }
    }
    (left == 0 && total <= sizing.max_total).then_some(cut)
}

proptest! {
    /// However a source grows, what was whole stays as it is; at the end it is cut as if that had been known.
    #[test]
    fn an_open_plan_grows_as_the_oracle_has_it(
        total in 1u64..6000, wanted in 1u64..80, min in 1u64..20, max in 60u64..400, multiple_of in 1u64..9,
        max_count in 1u32..40, max_total in 1u64..9000, uniform in any::<bool>(),
        steps in proptest::collection::vec(0u64..400, 0..12),
        shrink in proptest::option::of((0u64..6000, 20u64..60)),
    ) {
        let uniformity = if uniform { Uniformity::Uniform } else { Uniformity::Free };
        let sizing = Sizing { min, max, multiple_of, max_count, max_total, uniformity, ..X };
        let Ok(mut plan) = Plan::open(&sizing, chunk(wanted)) else {
            prop_assert!(wanted.max(min).div_ceil(multiple_of) * multiple_of > max / multiple_of * multiple_of);
            return Ok(());
        };
        let (mut up_to, mut whole) = (0, Vec::new());
        for step in steps {
            up_to = (up_to + step).min(total);
            if plan.grow(up_to, &sizing).is_err() {
                prop_assert!(up_to > plan.reach(&sizing));
                return Ok(());
            }
            let now: Vec<_> = plan.segments().collect();
            prop_assert!(now.starts_with(&whole), "{now:?} after {whole:?}");
            prop_assert!(now.iter().all(|segment| segment.range.end() < up_to));
            prop_assert!(plan.is_sound(&sizing));
            let next = plan.planned_at(now.last().map_or(0, |last| last.range.end())).unwrap();
            prop_assert!(next.range.end() >= up_to, "{next:?} is sure as well");
            whole = now;
        }
        if let Some((offset, ceiling)) = shrink.filter(|_| !uniform) {
            let offset = offset % (up_to + 1);
            if let Ok(cut) = plan.shrunk_from(offset, &sizing, ceiling / 2, ceiling) {
                prop_assert!(cut.is_open() && cut.is_sound(&sizing));
                prop_assert_eq!(cut.total(), plan.total());
                let behind = (0..max_count).filter_map(|i| cut.planned(SegmentIndex::new(i)));
                for segment in behind.filter(|s| s.range.end() > offset && s.range.start() >= offset) {
                    prop_assert!(segment.range.len() <= ceiling, "{segment:?}");
                }
                plan = cut;
                if plan.close(total, &sizing).is_err() {
                    return Ok(());
                }
                prop_assert!(plan.is_sound(&sizing));
                prop_assert_eq!(plan.segments().map(|s| s.range.len()).sum::<u64>(), total);
                return Ok(());
            }
        }
        let cut = naive(total, &sizing, wanted);
        match plan.close(total, &sizing) {
            Ok(()) => {
                let lengths: Vec<_> = plan.segments().map(|s| s.range.len()).collect();
                prop_assert_eq!(Some(lengths), cut);
                prop_assert!(plan.is_sound(&sizing) && plan.segments().take(whole.len()).eq(whole));
                prop_assert!(plan.ends_at(total) && !plan.ends_at(total - 1));
            }
            Err(_) => prop_assert_eq!(cut, None),
        }
    }
}
