//! Nets of the literature, each in one block of the language or two.

#![allow(dead_code)]

pub mod bert;
pub mod crystals;
pub mod deep_sets;
pub mod densenet;
pub mod gpt2;
pub mod lenet;
pub mod mobilenet;
pub mod resnet18;
pub mod resnet50;
pub mod tagger;
pub mod transformer;
pub mod two_tower;
pub mod unet;
pub mod vgg;
pub mod vit;
pub mod wavenet;

use std::fmt::Display;

use illia::prelude::*;

/// Makes a net with plain weights at its original's size.
pub type Make = fn(&nn::Path) -> Box<dyn Display>;

/// Name, how it is made, and the number of weights that the implementations of torchvision, transformers and PyTorch have, or the
/// paper's formulas (the tagger's LSTM with one bias a gate, as it is written there).
pub const ZOO: [(&str, Make, usize); 16] = [
    ("LeNet-5", |p| Box::new(lenet::LeNet::deterministic(p, 6)), 61_706),
    ("VGG-11", |p| Box::new(vgg::Vgg11::deterministic(p, 64, 4096, 1000)), 132_863_336),
    ("ResNet-18", |p| Box::new(resnet18::ResNet18::deterministic(p, 64, 1000, 224)), 11_689_512),
    ("ResNet-50", |p| Box::new(resnet50::ResNet50::deterministic(p, 64, 1000, 224)), 25_557_032),
    ("DenseNet-121", |p| Box::new(densenet::DenseNet121::deterministic(p, 32, 1000, 224)), 7_978_856),
    ("MobileNetV2", |p| Box::new(mobilenet::MobileNetV2::deterministic(p, 8, 1280, 1000, 224)), 3_504_872),
    ("U-Net", |p| Box::new(unet::UNet::deterministic(p, 64, 2)), 31_030_658),
    ("WaveNet", |p| Box::new(wavenet::WaveNet::deterministic(p, 32, 256, 256)), 202_656),
    ("Tagger", |p| Box::new(tagger::Tagger::deterministic(p, 10_000, 100, 128, 17)), 1_633_105),
    ("Transformer", |p| Box::new(transformer::Transformer::deterministic(p, 512, 8, 2048, 6)), 44_140_544),
    ("GPT-2", |p| Box::new(gpt2::Gpt2::deterministic(p, 768, 12, 12, 50_257, 1024)), 124_439_808),
    ("BERT", |p| Box::new(bert::Bert::deterministic(p, 768, 12, 12, 30_522, 512)), 109_482_240),
    ("ViT-B/16", |p| Box::new(vit::Vit::deterministic(p, 768, 12, 12, 16, 224, 1000)), 86_567_656),
    ("Two towers", |p| Box::new(two_tower::TwoTower::deterministic(p, 10, 12, 32)), 73_792),
    ("Deep Sets", |p| Box::new(deep_sets::DeepSets::deterministic(p, 3, 128)), 33_665),
    ("Crystals", |p| Box::new(crystals::Crystals::deterministic(p, 92, 41, 64, 128)), 79_681),
];
