//! X's words, read and written.

use chunkwise_media::{MediaCategory, MediaType, Use};

#[test]
fn every_word_reads_back() {
    for media_type in MediaType::ALL {
        assert_eq!(media_type.to_string().parse(), Ok(media_type));
        assert_eq!(media_type.as_str().to_uppercase().parse(), Ok(media_type));
    }
    for category in MediaCategory::ALL {
        assert_eq!(category.to_string().parse(), Ok(category));
    }
    for destined_for in Use::ALL {
        assert_eq!(destined_for.to_string().parse(), Ok(destined_for));
    }
}

#[test]
fn categories_are_read_in_camel_case_too() {
    for category in MediaCategory::ALL {
        let camel: String =
            category.as_str().split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        assert_eq!(camel.parse(), Ok(category), "{camel}");
    }
    for wrong in ["", "tweetvideo", "TWEET_VIDEO", "tweet-video", "tweet_video "] {
        let error = wrong.parse::<MediaCategory>().expect_err(wrong);
        assert!(error.to_string().contains("tweet_image, tweet_gif, tweet_video, amplify_video"), "{error}");
    }
}

#[test]
fn media_types_are_read_as_headers_have_them() {
    for (header, media_type) in [
        ("video/mp4; codecs=\"avc1.42E01E\"", MediaType::Mp4),
        (" Image/JPG ", MediaType::Jpeg),
        ("image/x-ms-bmp", MediaType::Bmp),
        ("image/apng", MediaType::Png),
        ("video/x-m4v", MediaType::Mp4),
        ("application/x-subrip", MediaType::Srt),
    ] {
        assert_eq!(header.parse(), Ok(media_type), "{header}");
    }
    for wrong in ["", "mp4", "application/octet-stream", "video/x-matroska", "image/heic"] {
        let error = wrong.parse::<MediaType>().expect_err(wrong);
        assert_eq!(error.given, wrong);
        assert!(error.to_string().contains("give one of video/mp4, video/webm, video/mp2t"), "{error}");
    }
    let error = "\x1B\n".repeat(1000).parse::<MediaType>().expect_err("nonsense");
    assert_eq!(error.given.len(), 100);
    assert!(!error.to_string().contains(char::is_control), "{error}");
}

#[test]
fn extensions_stand_for_types() {
    for (file_name, media_type) in [
        ("a.mp4", Some(MediaType::Mp4)),
        ("A.JPEG", Some(MediaType::Jpeg)),
        ("/b/a.tar.webp", Some(MediaType::WebP)),
        ("..\\b\\a.mov", Some(MediaType::QuickTime)),
        ("a.png/b", None),
        ("a.mkv", None),
        ("a.", None),
        ("mp4", None),
        (".mp4", None),
        ("", None),
        ("a.ⅿp4", None),
    ] {
        assert_eq!(MediaType::from_file_name(file_name), media_type, "{file_name}");
    }
}
