use futures::FutureExt as _;

use super::*;

fn noop() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

#[tokio::test]
async fn an_allotment_is_whole_or_not_at_all_and_first_come_first_served() {
    let budget = ByteBudget::new(4, 16);
    let first = budget.allot(3, 9).await;
    let mut second = Box::pin(budget.allot(2, 9));
    assert!(second.as_mut().now_or_never().is_none());
    // One place is free, but the second came first.
    let mut third = Box::pin(budget.allot(1, 9));
    assert!(third.as_mut().now_or_never().is_none());
    drop(first);
    let _second = second.await;
    let _third = third.await;
    assert_eq!(budget.free(), 1);
}

#[tokio::test]
async fn more_than_there_is_means_all_of_it() {
    let budget = ByteBudget::new(2, 16);
    let allotment = budget.allot(100, 100).await;
    assert_eq!(budget.free(), 0);
    drop(allotment);
    assert_eq!(budget.free(), 2);
}

#[tokio::test]
async fn places_come_back_when_the_memory_does_and_not_before() {
    let budget = ByteBudget::new(2, 16);
    let allotment = budget.allot(2, 5).await;
    let mut frame = allotment.take(&noop()).unwrap();
    frame.fill(16).fill(7);
    let bytes = bytes::Bytes::from_owner(frame);
    let slice = bytes.slice(3..5);
    let _other = allotment.take(&noop()).unwrap();
    assert!(allotment.take(&noop()).is_none(), "the wire holds both");
    drop(bytes);
    assert!(allotment.take(&noop()).is_none(), "a slice still holds the memory");
    drop(slice);
    assert!(allotment.take(&noop()).is_some());
}

#[tokio::test]
async fn frames_outlive_their_allotment() {
    let budget = ByteBudget::new(2, 16);
    let allotment = budget.allot(2, 5).await;
    let frame = allotment.take(&noop()).unwrap();
    drop(allotment);
    assert_eq!(budget.free(), 1);
    assert_eq!(budget.usage().in_use, 16);
    drop(frame);
    assert_eq!(budget.free(), 2);
    assert_eq!(budget.usage(), BudgetUse { limit: 32, in_use: 0, peak: 16, lent: 0 });
}

#[tokio::test]
async fn nothing_is_held_once_the_last_frame_was_read() {
    let budget = ByteBudget::new(4, 16);
    let allotment = budget.allot(4, 5).await;
    let mut frames: Vec<_> = (0..4).map(|_| allotment.take(&noop()).unwrap()).collect();
    frames.pop();
    assert_eq!(budget.free(), 0, "one more read is to come");
    frames.push(allotment.take(&noop()).unwrap());
    assert!(allotment.take(&noop()).is_none());
    frames.pop();
    assert_eq!(budget.free(), 1, "no more reads: places go to others at once");
    frames.clear();
    assert_eq!(budget.free(), 4, "while the answer is awaited nothing is held");
    drop(allotment);
}

#[tokio::test]
async fn buffers_are_used_again() {
    let budget = ByteBudget::new(2, 16);
    for _ in 0..10 {
        let allotment = budget.allot(2, 2).await;
        let _frames = [allotment.take(&noop()).unwrap(), allotment.take(&noop()).unwrap()];
    }
    assert_eq!(budget.idle.lock().unwrap().len(), 2);
    budget.trim();
    assert_eq!(budget.idle.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_lent_nobody_else_has_and_buffers_make_room_for_it() {
    let budget = ByteBudget::new(4, 16);
    let allotment = budget.allot(4, 4).await;
    assert!(budget.lend(1).is_none(), "all of it is taken");
    let frames: Vec<_> = (0..4).map(|_| allotment.take(&noop()).unwrap()).collect();
    drop(frames);
    drop(allotment);
    assert_eq!(budget.idle.lock().unwrap().len(), 4);
    let mut loan = budget.lend(17).unwrap();
    assert_eq!((loan.bytes(), budget.free(), budget.idle.lock().unwrap().len()), (32, 2, 2));
    assert!(!loan.grow_to(65), "there are four frames in all");
    assert!(loan.grow_to(48));
    assert_eq!((budget.usage().lent, budget.idle.lock().unwrap().len()), (48, 1));
    loan.shrink_to(16);
    assert_eq!((budget.usage().lent, budget.free()), (16, 3));
    drop(loan);
    assert_eq!((budget.usage().lent, budget.free()), (0, 4));
}
